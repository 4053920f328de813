import { suite } from '../../rig/mod.js';
import { brokenTests } from './broken.js';
import { hostnameTests } from './hostname.js';
import { networkTests } from './network.js';
import { radioTests } from './radio.js';
import { sshTests } from './ssh.js';
import { timeTests } from './time.js';
import { udevTests } from './udev.js';

export default suite('config', {
  summary:
    'config.json on the boot partition is the one place of configuration, and a broken one stops nothing.',
  needs: ['power', 'shell'],
}, (test) => {
  hostnameTests(test);
  networkTests(test);
  timeTests(test);
  udevTests(test);
  sshTests(test);
  radioTests(test);
  brokenTests(test);
});
