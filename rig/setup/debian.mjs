// Step 2: the Debian packages that debian-packages.json lists by what needs them.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { SetupProblem } from './problem.mjs';
import { isOnPath, isThere, runProgram } from './program.mjs';

/** Which groups of debian-packages.json a door needs. */
const groupsOf = {
  start: ['run'],
  full: ['run', 'full'],
  night: ['run', 'night'],
  test: ['run', 'full', 'night', 'test'],
  labhost: ['run', 'full', 'night', 'test', 'labhost'],
  bench: ['run', 'bench'],
};

/** @returns {Record<string, readonly string[]>} package to the programs and files it must give */
export function packagesFor(door) {
  const all = JSON.parse(readFileSync(new URL('./debian-packages.json', import.meta.url), 'utf8'));
  return Object.assign({}, ...groupsOf[door].map((group) => all[group]));
}

/**
 * Makes sure that the packages are there.
 *
 * @param {{ door: string, yes: boolean, terminal: boolean, progress: object }} options `yes`: do not ask
 * @throws SetupProblem when they are missing and cannot be, or may not be, installed
 */
export async function ensureDebianPackages({ door, yes, terminal, progress }) {
  const wanted = packagesFor(door);
  if (!isOnPath('dpkg-query') || !isOnPath('apt-get')) return checkForeignHost(wanted, progress);
  const missing = await missingPackages(Object.keys(wanted));
  if (missing.length === 0) return;
  progress.say(`${missing.length} Debian packages are missing: ${missing.join(' ')}`);

  const root = (await runProgram(['id', '-u'])).stdout.trim() === '0';
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing];
  const prefix = root ? '' : 'sudo ';
  const byHand = [
    `Install them:  ${prefix}apt-get update && ${prefix}${install.join(' ')}`,
    'then run the same command again.',
  ];
  if (!terminal && !yes) {
    throw new SetupProblem('Cannot ask whether to install Debian packages: there is no terminal', {
      next: [...byHand, 'Or let set-up do it:  npm run setup -- --yes   (or set CI=true)'],
    });
  }
  if (!root && !isOnPath('sudo')) {
    throw new SetupProblem('Cannot install Debian packages: this is not root, and there is no sudo', {
      next: byHand.map((line) => line.replaceAll('sudo ', '')),
    });
  }
  if (!root && !yes && !(await ask(`Run "sudo ${install.join(' ')}" now? [Y/n] `))) {
    throw new SetupProblem('Debian packages were not installed', { next: byHand });
  }
  await aptInstall(missing, { root, terminal, progress, byHand });
}

/** Of `names`, those that dpkg does not list as fully installed. */
async function missingPackages(names) {
  // Exits 1 when it does not know one of the names; the others are listed all the same.
  const { stdout } = await runProgram([
    'dpkg-query',
    '-W',
    '-f',
    '$' + '{Package} $' + '{db:Status-Abbrev}\n',
    ...names,
  ]);
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => /^\S+ .i ?$/.test(line))
      .map((line) => line.split(' ')[0]),
  );
  return names.filter((name) => !installed.has(name));
}

/** Tries with the package lists as they are; only when that fails are they fetched anew, once. */
async function aptInstall(names, { root, terminal, progress, byHand }) {
  // sudo asks for a password on the terminal itself; without one (`-n`) it must fail rather than wait. What it runs
  // has no standard input, so that debconf asks nothing.
  const prefix = root ? [] : ['sudo', ...(terminal ? [] : ['-n'])];
  const apt = (...args) =>
    runProgram([...prefix, 'apt-get', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
      onLine: (line) => progress.detail(line),
    });
  const install = () => apt('install', '-y', '--no-install-recommends', ...names);
  progress.say('installing them with apt-get');
  let result = await install();
  if (result.exitCode !== 0) {
    progress.say('fetching the package lists (apt-get update), then once more');
    result = await apt('update');
    if (result.exitCode === 0) result = await install();
  }
  progress.clear();
  const missing = result.exitCode === 0 ? await missingPackages(names) : names;
  if (missing.length > 0) {
    throw new SetupProblem(
      result.exitCode === 0
        ? `apt-get said that all is well, but these are still missing: ${missing.join(' ')}`
        : `apt-get failed with exit code ${result.exitCode}`,
      { next: byHand, details: result.lastLines },
    );
  }
}

/** Without apt set-up cannot install anything; it goes on when all that is needed is there already. */
function checkForeignHost(wanted, progress) {
  const absent = Object.entries(wanted).flatMap(([name, files]) =>
    files.filter((file) => !isThere(file)).map((file) => `${file} (Debian package ${name})`),
  );
  if (absent.length > 0) {
    throw new SetupProblem('This host has no apt-get, and some of what the rig needs is not here', {
      next: ['Install with your own package manager:', ...absent.map((line) => `  ${line}`)],
    });
  }
  progress.say('no apt-get on this host; all programs that are needed are on PATH');
}

async function ask(question) {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^(y|yes|)$/i.test((await lines.question(question)).trim());
  } finally {
    lines.close();
  }
}
