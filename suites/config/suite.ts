import { suite } from '../../rig/mod.js';
import { hostnameTests } from './hostname.js';

export default suite('config', {
  summary: 'The board obeys config.json on its boot partition.',
  needs: ['shell'],
}, (test) => {
  hostnameTests(test);
});
