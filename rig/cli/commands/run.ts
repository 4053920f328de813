import { resolve } from 'node:path';
import { findBoards } from '../../config/find-boards.js';
import type { Lab } from '../../config/lab.js';
import type { BoardConfig } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { SuiteDefinition, Tier } from '../../contracts/suite.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { Repeat } from '../../core/runner/lanes.js';
import { type BoardPlan, planBoard, shuffled } from '../../core/runner/plan.js';
import { sessionRoots } from '../../core/session/directory.js';
import { offlineError, readOffline } from '../../core/session/offline.js';
import { didYouMean } from '../../schema/nearest.js';
import { parseSizeBytes } from '../../schema/units.js';
import type { CommandInput, CommandIo } from '../command.js';
import { openLab } from '../open-lab.js';
import { OptionReader } from '../read-options.js';
import { loadDrivers } from '../registry.js';
import type { RunRequest } from '../run-request.js';
import { builtInSuites, loadSuites } from '../suite-loader.js';

const read = new OptionReader('rig run');
const tiers: readonly string[] = ['smoke', 'pr', 'nightly'];

export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const list = input.options.list === true;
  // Before the suites: one from outside hooks the loading of modules, and each later import costs several times as much.
  const { runRequest } = list ? { runRequest: undefined } : await import('../run-request.js');
  const request = await readRequest(input, io);
  if (runRequest) return runRequest(request, io);
  for (const plan of request.plans)
    for (const { id, skip } of plan.tests) io.out(`${id}${skip ? `  (skipped: ${skip})` : ''}\n`);
  return exitCodes.passed;
}

/** @throws RigError (blame: config) for anything that cannot be right */
async function readRequest(input: CommandInput, io: CommandIo): Promise<RunRequest> {
  const { options } = input;
  const [names = []] = input.args as [string[] | undefined];
  const lab = await openLab(input, io);
  const selectors = (options.board as string[] | undefined) ?? [];
  const boards = withoutOffline(chooseBoards(lab, selectors), { selectors, io });
  if (options.list !== true) await loadDrivers(boards);
  const suites = await loadSuites(names.length > 0 ? names : builtInSuites(), io.cwd);
  const seed =
    read.wholeNumber(options.seed, { name: '--seed', least: 0 }) ?? Math.floor(Math.random() * 2 ** 31);
  const plans = planBoards(boards, suites, options).map((plan) =>
    options.shuffle === undefined ? plan : shuffled(plan, shuffleSeed(options.shuffle, seed)),
  );
  const duration = options.deadline as string | undefined;
  const report = options.report as string | undefined;
  const update = options.update as string | undefined;
  const junit = options.junit as string | undefined;
  const retries = read.wholeNumber(options.retries, { name: '--retries', least: 0 }) ?? 0;
  return {
    lab,
    plans,
    image: options.image as string | undefined,
    update: update === undefined ? undefined : resolve(io.cwd, update),
    reportDir: report === undefined ? undefined : resolve(io.cwd, report),
    junit: junit === undefined ? undefined : resolve(io.cwd, junit),
    summary: options.summary === undefined ? undefined : resolve(io.cwd, String(options.summary)),
    retries,
    retryErrors: options.retryErrors !== false,
    imageName: options.imageName as string | undefined,
    repeat: repeat(options, retries),
    jobs: read.wholeNumber(options.jobs, { name: '--jobs', least: 1 }) ?? 1,
    seed,
    cold: options.cold === true,
    deadlineMs: duration === undefined ? undefined : read.time(duration, { name: '--deadline' }),
    keep: keepRequest(options, io),
    wait: options.wait === true,
  };
}

/** What is kept of boards that fail; by default a person in a terminal finds them as they stood. */
function keepRequest(options: CommandInput['options'], io: CommandIo): RunRequest['keep'] {
  const steps = options.snapshots !== undefined;
  if (steps && options.snapshots !== 'steps')
    throw read.bad(`--snapshots takes "steps", not "${String(options.snapshots)}"`);
  if (steps && options.keepOnFailure === false)
    throw read.bad('--snapshots steps keeps the steps of failures: it cannot go with --no-keep-on-failure');
  const text = String(options.keepLimit ?? '2G');
  const maxBytes = parseSizeBytes(text);
  if (maxBytes === undefined) throw read.bad(`--keep-limit takes a size such as 500M or 2G, not "${text}"`);
  const isWanted = steps || ((options.keepOnFailure as boolean | undefined) ?? io.terminal);
  return isWanted ? { maxBytes, steps } : undefined;
}

function planBoards(
  boards: readonly BoardConfig[],
  suites: readonly SuiteDefinition[],
  options: CommandInput['options'],
): BoardPlan[] {
  const tier = (options.tier as string | undefined) ?? 'nightly';
  if (!tiers.includes(tier)) throw read.bad(`--tier must be one of ${tiers.join(', ')}, not "${tier}"`);
  const only = options.only as string | undefined;
  const selection = {
    tier: tier as Tier,
    ...(only === undefined ? {} : { only: read.pattern(only, '--only') }),
    ...(options.test === undefined ? {} : { tests: knownTests(options.test as string[], suites) }),
  };
  const plans = boards.map((board) => planBoard(board, suites, selection));
  if (plans.every((plan) => plan.tests.length === 0)) {
    throw new RigError(
      `No test was selected: suites ${suites.map((suite) => suite.name).join(', ')}, tier ${tier}${only === undefined ? '' : `, --only ${only}`}`,
      {
        code: 'run.nothing-selected',
        blame: 'config',
        hint: 'rig run --list shows what there is to select from.',
      },
    );
  }
  return plans;
}

/** A name that no suite has would otherwise pass for a test that was run. */
function knownTests(names: readonly string[], suites: readonly SuiteDefinition[]): readonly string[] {
  const known = suites.flatMap((suite) => suite.tests.map((test) => `${suite.name}/${test.name}`));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw read.bad(`--test "${unknown}" is no test of these suites${didYouMean(unknown, known)}`);
}

/** What `npm start` uses too. */
const usualBoard = 'virt-arm64';

/** Without `--board`: the only board of the lab file, or the usual virtual board where there is no lab file. */
function chooseBoards(lab: Lab, selectors: readonly string[]): readonly BoardConfig[] {
  if (selectors.length > 0) return findBoards(lab, selectors);
  const own = lab.boards.filter((board) =>
    lab.file === undefined ? board.name === usualBoard : board.from === 'lab',
  );
  const [only] = own;
  if (only && own.length === 1) return [only];
  throw read.bad(`Say which board to run on: ${lab.boards.map((board) => board.name).join(', ')}`);
}

/** Of a label, the boards that may be used; an offline board that was named itself is an error. */
function withoutOffline(
  boards: readonly BoardConfig[],
  { selectors, io }: { selectors: readonly string[]; io: CommandIo },
): readonly BoardConfig[] {
  const roots = sessionRoots(io.env);
  const usable: BoardConfig[] = [];
  let first: RigError | undefined;
  for (const board of boards) {
    const offline = readOffline(board.name, roots);
    if (!offline) {
      usable.push(board);
      continue;
    }
    const error = offlineError(board.name, offline);
    if (selectors.includes(board.name)) throw error;
    first ??= error;
    io.err(`${error.message}; it is left out\n`);
  }
  if (usable.length === 0 && first) throw first;
  return usable;
}

function repeat(options: CommandInput['options'], retries: number): Repeat | undefined {
  const times = read.wholeNumber(options.repeat, { name: '--repeat', least: 1 });
  const untilFailure = options.untilFailure === true;
  if (times === undefined && !untilFailure) return undefined;
  if (untilFailure && retries > 0)
    throw read.bad('--until-failure waits for the failure that --retries would take back: give one of them');
  return { times: times ?? Number.POSITIVE_INFINITY, untilFailure };
}

/** `--shuffle` alone is `true`. */
function shuffleSeed(given: unknown, runSeed: number): number {
  return given === true ? runSeed : (read.wholeNumber(given, { name: '--shuffle', least: 0 }) ?? runSeed);
}
