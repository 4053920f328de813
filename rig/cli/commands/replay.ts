import { existsSync, realpathSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import type { Lab } from '../../config/lab.js';
import type { BoardConfig } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { SuiteDefinition } from '../../contracts/suite.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { RunRecord } from '../../record/model.js';
import { readRun } from '../../record/reader.js';
import { SecretMask } from '../../record/secrets.js';
import type { CommandInput, CommandIo } from '../command.js';
import { findRun } from '../find-run.js';
import { openLab } from '../open-lab.js';
import { OptionReader } from '../read-options.js';
import { describeReplayed, summarizeReplay } from '../replay-text.js';
import { builtInSuites, loadSuites } from '../suite-loader.js';

const read = new OptionReader('rig replay');

/** `rig replay RUN [TEST…]`: the suites of today on the boards of a recorded run. Exit 0: all the same; 1: something differs. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  // Before the suites: one from outside hooks the loading of modules, and each later import costs several times as much.
  const { replayRun } = await import('../../core/replay/replay-run.js');
  const [name = '', wanted = []] = input.args as [string | undefined, string[] | undefined];
  const speed = input.options.speed ?? 'fast';
  if (speed !== 'real' && speed !== 'fast')
    throw read.bad(`--speed must be real or fast, not "${String(speed)}"`);
  const record = await readRun(await findRun(name, io.cwd));
  const only = wanted.length === 0 ? undefined : chosen(record, wanted);
  const lab = await openLab(input, io);
  const secrets = new SecretMask(lab.secrets);
  for (const { type } of lab.boards) secrets.register(type.login?.password ?? '');
  const suites = await suitesOf(record, {
    paths: (input.options.suite as string[] | undefined) ?? [],
    only,
    cwd: io.cwd,
  });
  const json = input.options.json === true;
  const replay = await replayRun(record.dir, {
    suites,
    board: (board, type) => boardOf(lab, { board, type }),
    ...(only ? { only } : {}),
    speed,
    secrets,
    signal: io.signal,
    onReplayed: (test) => {
      if (!json) io.out(secrets.maskText(describeReplayed(test)));
    },
  });
  io.signal.throwIfAborted();
  if (json) io.out(`${JSON.stringify(replay, null, 2)}\n`);
  else io.out(summarizeReplay(replay, record));
  return replay.tests.every((test) => test.outcome === 'same') ? exitCodes.passed : exitCodes.failed;
}

/** Ids of the tests that `wanted` names: by id, by suite/test, or by the test's name. */
function chosen(record: RunRecord, wanted: readonly string[]): ReadonlySet<string> {
  const ids = wanted.flatMap((word) => {
    const found = record.tests.filter(
      ({ id, suite, name }) => word === id || word === `${suite}/${name}` || word === name,
    );
    if (found.length > 0) return found.map(({ id }) => id);
    throw new RigError(`Run ${record.run} has no test ${JSON.stringify(word)}`, {
      code: 'replay.unknown-test',
      blame: 'config',
      hint: `It has: ${record.tests.map(({ suite, name }) => JSON.stringify(`${suite}/${name}`)).join(', ')}`,
    });
  });
  return new Set(ids);
}

/** The suites given; else those of the run: that come with boardrig, or lie where the run's command line said. */
async function suitesOf(
  record: RunRecord,
  { paths, only, cwd }: { paths: readonly string[]; only: ReadonlySet<string> | undefined; cwd: string },
): Promise<readonly SuiteDefinition[]> {
  const needed = new Set(record.tests.filter(({ id }) => !only || only.has(id)).map(({ suite }) => suite));
  const suites = await loadSuites(paths, cwd);
  const missing = [...needed].filter((name) => !suites.some((suite) => suite.name === name));
  const builtIn = missing.filter((name) => builtInSuites().includes(name));
  suites.push(...(await loadSuites(builtIn, cwd)));
  if (paths.length === 0 && builtIn.length < missing.length) {
    const files = record.argv.filter(
      (word) => /\.[cm]?[jt]s$/.test(word) && isOfHost(resolve(cwd, word), record),
    );
    suites.push(...(await loadSuites(files, cwd)).filter((suite) => missing.includes(suite.name)));
  }
  const lost = [...needed].filter((name) => !suites.some((suite) => suite.name === name));
  if (lost.length === 0) return suites;
  throw new RigError(
    `Cannot find the suite ${lost.map((name) => JSON.stringify(name)).join(', ')} of run ${record.run}`,
    {
      code: 'replay.no-suite',
      blame: 'config',
      hint: 'Give its file with --suite, or name the tests to replay.',
    },
  );
}

/** A run may come from anywhere: what it brings along itself is never run unless it is asked for. */
function isOfHost(file: string, { dir }: RunRecord): boolean {
  return existsSync(file) && !realpathSync(file).startsWith(`${realpathSync(dir)}${sep}`);
}

/** A board made for a test of several (`name~2`) is like the one it was made after. */
function boardOf(lab: Lab, { board, type }: { board: string; type: string }): BoardConfig {
  const plain = board.replace(/~\d+$/, '');
  const known =
    lab.boards.find((one) => one.name === plain && one.type.name === type) ??
    lab.boards.find((one) => one.type.name === type);
  if (known) return { ...known, name: board };
  throw new RigError(`Board ${board} was of type ${JSON.stringify(type)}, which no board here has`, {
    code: 'replay.unknown-type',
    blame: 'config',
    hint: 'Its signatures are needed: give the lab file that has such a board with --lab.',
  });
}
