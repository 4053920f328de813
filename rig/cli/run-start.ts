import { spawnSync } from 'node:child_process';
import { cpus, hostname } from 'node:os';
import { packageRoot, packageVersion } from '../config/package.js';
import type { RunStart } from '../contracts/events.js';

/** The first event of a run: what ran, where, and with what. */
export function runStart(options: {
  readonly run: string;
  readonly seed: number;
  readonly speedFactor: number;
  readonly imageName?: string | undefined;
  readonly night?: string | undefined;
}): RunStart {
  const { night, imageName } = options;
  return {
    type: 'run.start',
    run: options.run,
    argv: process.argv.slice(2),
    rig: { version: packageVersion(), revision: revision() },
    host: {
      name: hostname(),
      cpus: cpus().length,
      node: process.version,
      speedFactor: options.speedFactor,
    },
    seed: options.seed,
    ...(night ? { night } : {}),
    ...(imageName === undefined ? {} : { imageName }),
  };
}

/** The git revision of the checkout that runs, marked when it has changes; null when it is an installed package. */
function revision(): string | null {
  const git = spawnSync(
    'git',
    ['-C', packageRoot, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'],
    {
      encoding: 'utf8',
      timeout: 5_000,
    },
  );
  return git.status === 0 ? git.stdout.trim() : null;
}
