import { suite } from '../../rig/mod.js';
import { clockTests } from './clock.js';
import { diskTests } from './disk.js';
import { networkTests } from './network.js';
import { serviceTests } from './services.js';
import { watchdogTests } from './watchdog.js';

export default suite('resilience', {
  summary: 'What goes wrong in the field does not cost the board: it recovers by itself.',
  needs: ['power', 'shell'],
}, (test) => {
  serviceTests(test);
  clockTests(test);
  networkTests(test);
  diskTests(test);
  watchdogTests(test);
});
