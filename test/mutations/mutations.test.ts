// test: full, 150 minutes
// Every behaviour that the suites assert, seen to fail: see table.ts.
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../rig/config/package.js';
import { runBatch } from './run-mutation.js';
import { batches } from './table.js';

const abort = new AbortController();
process.once('SIGTERM', () => abort.abort(new Error('SIGTERM')));

t.test('each mutation is noticed by the predicted tests and no others', async (t) => {
  for (const batch of batches) {
    const { surprises } = await runBatch(batch, {
      resultsDir: join(packageRoot, 'test-results', 'mutations'),
      signal: abort.signal,
    });
    t.same(surprises, [], `${batch.name}: ${batch.breakages.map(({ breaks }) => breaks).join('; ')}`);
  }
});
