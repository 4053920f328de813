import { suite } from '../../rig/mod.js';
import { journalTests } from './journal.js';
import { recordTests } from './record.js';

export default suite('logging', {
  summary:
    'What the system says can be read, never fills its memory, and survives only where that was asked for.',
  needs: ['power', 'shell'],
}, (test) => {
  recordTests(test);
  journalTests(test);
});
