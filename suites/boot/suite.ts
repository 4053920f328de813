import { suite } from '../../rig/mod.js';
import { inventoryTests } from './inventory.js';
import { powerTests } from './power.js';
import { serviceTests } from './services.js';
import { stageTests } from './stages.js';
import { stateTests } from './state.js';
import { storageTests } from './storage.js';
import { systemTests } from './system.js';

export default suite('boot', {
  summary: 'The image boots through every stage from the right partition, keeps its state and nothing else.',
  needs: ['power', 'shell'],
}, (test) => {
  stageTests(test);
  storageTests(test);
  systemTests(test);
  inventoryTests(test);
  serviceTests(test);
  stateTests(test);
  powerTests(test);
});
