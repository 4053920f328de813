import { suite } from '../../rig/mod.js';
import { addressTests } from './address.js';
import { identityTests } from './identity.js';
import { linkTests } from './link.js';
import { managerTests } from './manager.js';
import { mdnsTests } from './mdns.js';
import { modemTests } from './modem.js';
import { trafficTests } from './traffic.js';
import { vpnTests } from './vpn.js';
import { wifiTests } from './wifi.js';

export default suite('networking', {
  summary: 'The board finds its address, talks both ways, lives through a cut cable and knows who it is.',
  needs: ['address', 'shell'],
}, (test) => {
  addressTests(test);
  trafficTests(test);
  linkTests(test);
  identityTests(test);
  managerTests(test);
  mdnsTests(test);
  modemTests(test);
  wifiTests(test);
  vpnTests(test);
});
