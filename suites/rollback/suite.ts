import { suite } from '../../rig/mod.js';
import { faultTests } from './faults.js';
import { interruptedTests } from './interrupted.js';
import { keptTests } from './kept.js';
import { refusedTests } from './refused.js';
import { updateTests } from './updates.js';

export default suite('rollback', {
  summary:
    'An update comes up or the board returns to the system that it had; what is refused or interrupted changes nothing.',
  needs: ['power', 'update', 'shell'],
}, (test) => {
  updateTests(test);
  keptTests(test);
  refusedTests(test);
  interruptedTests(test);
  faultTests(test);
});
