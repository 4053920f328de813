import { suite } from '../../rig/mod.js';
import { flasherTests } from './flasher.js';
import { mediumTests } from './medium.js';
import { sizeTests } from './sizes.js';
import { versionTests } from './versions.js';

export default suite('flashing', {
  summary:
    'An image comes onto the board whole, whatever was there before and whatever goes wrong, and boots from there.',
  needs: ['power', 'mux'],
}, (test) => {
  mediumTests(test);
  versionTests(test);
  sizeTests(test);
  flasherTests(test);
});
