import { suite } from '../../rig/mod.js';
import { contentTests } from './content.js';
import { linkTests } from './links.js';
import { purgeTests } from './purge.js';
import { repairTests } from './repair.js';
import { swapTests } from './swap.js';

export default suite('storage', {
  summary:
    'Partitions are found by what they are for, mend themselves, can be emptied; the root never changes.',
  needs: ['power', 'shell'],
}, (test) => {
  linkTests(test);
  swapTests(test);
  contentTests(test);
  repairTests(test);
  purgeTests(test);
});
