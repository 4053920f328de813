import { suite } from '../../rig/mod.js';
import { accessTests } from './access.js';
import { portTests } from './ports.js';
import { screenTests } from './screen.js';

export default suite('variants', {
  summary: 'Development is open to the person at the bench, production to nobody without the key.',
  needs: ['power', 'shell'],
}, (test) => {
  accessTests(test);
  portTests(test);
  screenTests(test);
});
