// A process of its own: enters runs into a history, one after another, and says each that is entered.
import { HistoryFile } from '../../rig/core/history/database.js';
import { recordRun } from '../../rig/core/history/record.js';
import { readRun } from '../../rig/record/reader.js';

const [path = '', ...dirs] = process.argv.slice(2);
const history = new HistoryFile(path);
for (const dir of dirs) {
  const run = await readRun(dir);
  await history.change((writer) => recordRun(writer, run));
  process.stdout.write(`${run.run}\n`);
}
