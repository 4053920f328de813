import { suite } from '../../rig/mod.js';
import { powerTests } from './power.js';
import { stageTests } from './stages.js';
import { stateTests } from './state.js';
import { storageTests } from './storage.js';
import { systemTests } from './system.js';
import { variantTests } from './variants.js';

export default suite('boot', {
  summary: 'The image boots through every stage from the right partition, keeps its state and nothing else.',
  needs: ['power', 'shell'],
}, (test) => {
  stageTests(test);
  storageTests(test);
  systemTests(test);
  stateTests(test);
  powerTests(test);
  variantTests(test);
});
