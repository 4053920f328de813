import { suite } from '../../rig/mod.js';
import { containerTests } from './containers.js';
import { healthTests } from './health.js';
import { interfaceTests } from './interface.js';

export default suite('engine', {
  summary: 'The container engine runs containers apart from the system, watches them, and is watched itself.',
  needs: ['power', 'shell'],
}, (test) => {
  containerTests(test);
  interfaceTests(test);
  healthTests(test);
});
