// Loaded into every test process with `--import`. When it ends, it says on descriptor 3 what CPU time it and the
// children that it waited for have used: nobody outside can know that of one child among several.
import { readFileSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { usageParentVariable } from './usage-protocol.js';

// A forked grandchild inherits this option, and its descriptor 3 is something else.
if (isMainThread && process.env[usageParentVariable] === String(process.ppid)) {
  process.on('exit', () => writeSync(3, readFileSync('/proc/self/stat', 'utf8')));
}
