// `npm start -- [options of rig run]`: set-up, then the main job in this same process.
import { SetupProblem } from './problem.mjs';
import { setUp } from './steps.mjs';

const given = process.argv.slice(2);
const yes = given.includes('--yes');
const extra = given.filter((word) => word !== '--yes');

try {
  await setUp({ door: 'start', yes });
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error;
  process.stderr.write(error.text);
  process.exit(3);
}

const names = (flag) => extra.some((word) => word === flag || word.startsWith(`${flag}=`));
process.argv.splice(
  2,
  process.argv.length,
  'run',
  'boot',
  'networking',
  'variants',
  ...(names('--board') ? [] : ['--board', 'virt-arm64']),
  ...(names('--tier') ? [] : ['--tier', 'smoke']),
  ...extra,
);
await import('../../dist/rig/cli/main.js');
