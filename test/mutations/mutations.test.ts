// test: full, 90 minutes
// Every behaviour that the suites assert, seen to fail: see table.ts.
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../rig/config/package.js';
import { runMutation } from './run-mutation.js';
import { mutations } from './table.js';

const abort = new AbortController();
process.once('SIGTERM', () => abort.abort(new Error('SIGTERM')));

t.test('each mutation is noticed by the predicted tests and no others', async (t) => {
  for (const mutation of mutations) {
    const { surprises } = await runMutation(mutation, {
      resultsDir: join(packageRoot, 'test-results', 'mutations'),
      signal: abort.signal,
    });
    t.same(surprises, [], `${mutation.name}: ${mutation.breaks}`);
  }
});
