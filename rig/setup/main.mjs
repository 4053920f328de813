// `npm run setup -- [--for start|full|night|test|labhost|bench] [--yes]`: installs what is missing. Plain Node without dependencies,
// since on a fresh clone there are none.
import { parseArgs } from 'node:util';
import { SetupProblem } from './problem.mjs';
import { doors, setUp } from './steps.mjs';

process.exitCode = await main();

async function main() {
  const options = readOptions();
  if (typeof options === 'string') {
    process.stderr.write(`setup: ${options}\n  usage: npm run setup -- [--for ${doors.join('|')}] [--yes]\n`);
    return 2;
  }
  try {
    await setUp(options);
    return 0;
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    process.stderr.write(error.text);
    return 3;
  }
}

/** @returns the options, or what is wrong with them */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: { for: { type: 'string', default: 'start' }, yes: { type: 'boolean', default: false } },
    });
    if (!doors.includes(values.for)) return `--for is one of ${doors.join(', ')}, not "${values.for}"`;
    return { door: values.for, yes: values.yes };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
