// `npm start -- [options of rig run]`: set-up, then the main job in this same process. `--full` (npm run start:full) makes
// it every suite on the full image but the one of updates, whose installations and boots would double its time.
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { SetupProblem } from './problem.mjs';
import { setUp } from './steps.mjs';

const given = process.argv.slice(2);
const yes = given.includes('--yes');
const full = given.includes('--full');
const extra = given.filter((word) => word !== '--yes' && word !== '--full');

try {
  await setUp({ door: full ? 'full' : 'start', yes });
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error;
  process.stderr.write(error.text);
  process.exit(3);
}

const names = (flag) => extra.some((word) => word === flag || word.startsWith(`${flag}=`));
const unless = (flag, value) => (names(flag) ? [] : [flag, value]);
const suites = readdirSync(new URL('../../suites/', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .filter((name) => existsSync(new URL(`../../suites/${name}/suite.ts`, import.meta.url)));
const job = full
  ? [
      ...(extra.some((word) => suites.includes(word)) ? [] : suites.filter((name) => name !== 'rollback')),
      ...unless('--board', 'virt-x86-64'),
      ...unless('--image', 'full+engine'),
    ]
  : [
      // First flashing, since it needs a board that is off, and the next suite boots it anyway.
      ...['flashing', 'boot', 'networking', 'variants', 'rollback'],
      ...unless('--board', 'virt-arm64'),
      ...unless('--tier', 'smoke'),
    ];
const jobs = unless('--jobs', String(Math.min(2, availableParallelism())));
process.argv.splice(2, process.argv.length, 'run', ...job, ...jobs, ...extra);
await import('../../dist/rig/cli/main.js');
