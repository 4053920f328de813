import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildImage } from '../../qemu/image/build.js';
import { referenceVersion } from '../../rig/cli/image-ref.js';
import { cacheDir } from '../../rig/config/folders.js';
import { packageRoot } from '../../rig/config/package.js';
import { firstLine } from '../../rig/contracts/errors.js';
import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import type { TestRecord } from '../../rig/record/model.js';
import { readRun } from '../../rig/record/reader.js';
import { ImageCopy } from './image-copy.js';
import { type Base, type Batch, type Breakage, predictionOf } from './mutation.js';

const boardName = 'mutant';

/** The tests that a run on a copy chooses from. */
const allSuites = ['boot', 'networking', 'config', 'storage', 'logging', 'variants', 'engine', 'resilience'];

const bases: Readonly<
  Record<
    Base,
    { boardType: string; suites: readonly string[]; request: Omit<BuildRequest, 'variant' | 'version'> }
  >
> = {
  tiny: {
    boardType: 'virt-arm64',
    suites: ['boot', 'networking', 'variants', 'config'],
    request: { flavour: 'tiny', arch: 'arm64' },
  },
  full: { boardType: 'virt-x86-64', suites: allSuites, request: { flavour: 'full', arch: 'amd64' } },
  'full+engine': {
    boardType: 'virt-x86-64',
    suites: allSuites,
    request: { flavour: 'full', arch: 'amd64', extras: ['engine'] },
  },
};

/** What a run on a broken image came to. */
export interface Outcome {
  readonly tests: readonly TestRecord[];
  readonly exitCode: number;
  readonly cpuSeconds: number;
  /** Differences between what was predicted and what was seen; empty when the prediction held. */
  readonly surprises: readonly string[];
}

/** Breaks a copy of a reference image, runs the suites on it through the command that a person uses, and judges. */
export async function runBatch(
  batch: Batch,
  { resultsDir, signal }: { readonly resultsDir: string; readonly signal: AbortSignal },
): Promise<Outcome> {
  const folder = join(resultsDir, batch.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { boardType, suites, request } = bases[batch.base];
  const base = await buildImage(
    { ...request, variant: batch.variant ?? 'dev', version: referenceVersion },
    { cacheDir: cacheDir(process.env), signal },
  );
  await using image = await ImageCopy.of(base.path);
  for (const { apply } of batch.breakages) await apply(image);
  const lab = await writeLab(folder, {
    boardType,
    keyFile: base.sshKeyFile ?? '',
    shellBudget: batch.shellBudget,
  });
  const { tier, only } = batch.select ?? { tier: 'smoke', only: undefined };
  const exitCode = await rig(
    [
      ...[
        'run',
        ...(batch.suites ?? suites),
        '--lab',
        lab,
        '--board',
        boardName,
        '--image',
        image.path,
        '--tier',
        tier,
      ],
      ...(only ? ['--only', only.source] : []),
      // A saved state of an image that no other run will have is of no use, unless a boot costs more than saving one.
      ...(batch.base === 'tiny' ? ['--cold'] : []),
      ...['--report', join(folder, 'run')],
    ],
    { log: join(folder, 'rig.log'), signal },
  );
  const run = await readRun(join(folder, 'run'));
  return {
    tests: run.tests,
    exitCode,
    cpuSeconds: run.boards.reduce((sum, board) => sum + (board.cpuSeconds ?? 0), 0),
    surprises: judge(predictionOf(batch), { tests: run.tests, exitCode }),
  };
}

/** Compares test by test: what was predicted to fail did, for that reason and with that blame, and nothing else did. */
export function judge(
  { fails, blocks = [] }: Pick<Breakage, 'fails' | 'blocks'>,
  { tests, exitCode }: { readonly tests: readonly TestRecord[]; readonly exitCode: number },
): string[] {
  const surprises: string[] = [];
  const unseen = new Set([...Object.keys(fails), ...blocks]);
  for (const test of tests) {
    const name = `${test.suite}/${test.name}`;
    unseen.delete(name);
    const reason = fails[name];
    const wanted = reason ? 'failed' : blocks.includes(name) ? 'blocked' : 'passed';
    const step = test.attempts.at(-1)?.steps.find(({ ok }) => !ok);
    const message = `${step ? `${step.name}: ` : ''}${test.attempts.at(-1)?.error?.message ?? ''}`;
    const blame = test.attempts.at(-1)?.error?.blame;
    // A skip is no pass, but here it is not about the board: the variant that the test wants is not the copy's.
    if (test.verdict !== wanted && !(wanted === 'passed' && test.verdict === 'skipped'))
      surprises.push(`${name}: ${test.verdict} instead of ${wanted}: ${firstLine(message)}`);
    else if (reason && blame !== 'board') surprises.push(`${name}: blamed ${String(blame)} instead of board`);
    else if (reason && !reason.test(message))
      surprises.push(`${name}: ${JSON.stringify(firstLine(message))} does not match ${String(reason)}`);
  }
  for (const name of unseen) surprises.push(`${name}: was not run`);
  if (tests.length === 0) surprises.push('no test was run');
  const wantedExit = Object.keys(fails).length > 0 ? 1 : 0;
  if (exitCode !== wantedExit) surprises.push(`exit code ${exitCode} instead of ${wantedExit}`);
  return surprises;
}

/** A board of our own: the reference board's type, with the key of the image, which a copy has lost. */
async function writeLab(
  folder: string,
  {
    boardType,
    keyFile,
    shellBudget,
  }: { readonly boardType: string; readonly keyFile: string; readonly shellBudget: string | undefined },
): Promise<string> {
  const type = await readFile(join(packageRoot, 'rig/boards', `${boardType}.yaml`), 'utf8');
  const shortened =
    shellBudget === undefined ? type : type.replace(/\bshell: \w+ *\}/, `shell: ${shellBudget} }`);
  if (shellBudget !== undefined && shortened === type)
    throw new Error(`${boardType}.yaml has no budget for the shell`);
  await writeFile(join(folder, 'board.yaml'), shortened);
  const file = join(folder, 'lab.yaml');
  await writeFile(
    file,
    `boards:\n  ${boardName}:\n    type: ./board.yaml\n    ssh: { keyFile: ${JSON.stringify(keyFile)} }\n`,
  );
  return file;
}

async function rig(
  args: readonly string[],
  { log, signal }: { readonly log: string; readonly signal: AbortSignal },
): Promise<number> {
  const child = spawn(process.execPath, [join(packageRoot, 'dist/rig/cli/main.js'), ...args], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = createWriteStream(log);
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  // The rig powers its board off on SIGTERM.
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', stop);
  output.end();
  signal.throwIfAborted();
  return exitCode ?? -1;
}
