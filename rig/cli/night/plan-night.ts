import { availableParallelism, freemem, hostname, totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Lab } from '../../config/lab.js';
import { ownImage, readMatrixFile } from '../../config/matrix-file.js';
import type { BoardConfig } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { Matrix } from '../../contracts/matrix.js';
import type { NightJob, NightPlan, NightTest } from '../../contracts/night.js';
import type { SuiteDefinition, Tier } from '../../contracts/suite.js';
import type { HistoryFile } from '../../core/history/database.js';
import { lastWord, testNights, usualMs } from '../../core/history/nights.js';
import { byValue, type NightFilter, planJobs, shardOf } from '../../core/night/plan.js';
import { placesOf } from '../../core/night/quarantine.js';
import { installsItself } from '../../core/provision/method.js';
import { planBoard } from '../../core/runner/plan.js';
import { nightName } from '../../record/night-folder.js';
import { loadSuites } from '../suite-loader.js';

export interface NightRequest {
  readonly lab: Lab;
  /** Absent: the virtual boards that there are, boot and networking. */
  readonly matrixFile: string | undefined;
  readonly filter: NightFilter;
  readonly shard: { readonly index: number; readonly of: number } | undefined;
  readonly deadlineMs: number | undefined;
  readonly seed: number;
  readonly cwd: string;
  readonly history: HistoryFile;
}

/** Nights that decide what a job usually takes, and when it was last judged. */
const nightsLookedAt = 10;
/** Of the memory that is free now; the rest is for whatever else this host does. */
const shareOfFreeMemory = 0.8;

/** @throws RigError (blame: config) for a matrix that cannot be right, or of which nothing is left */
export async function planNight(request: NightRequest): Promise<NightPlan> {
  const { lab, cwd, shard, filter } = request;
  const suites = new Suites(cwd);
  const matrix = request.matrixFile
    ? await readMatrixFile(request.matrixFile, { lab, cwd, suiteName: (ref) => suites.nameOf(ref) })
    : tinyMatrix(lab);
  const host = hostOf(matrix);
  await suites.load(matrix.rows.flatMap((row) => row.suites.map(({ ref }) => ref)));
  const planned = (part: NightFilter): NightJob[] =>
    planJobs(matrix, {
      boards: lab.boards,
      host,
      filter: part,
      tests: (board, row) => suites.testsOn(board, row),
    });
  const all = planned(filter);
  const whole = matrix.quarantine.length > 0 ? planned({}) : [];
  const startedAt = new Date();
  const own = shard ? shardOf(all, shard) : all;
  if (all.length === 0) throw nothingSelected();
  const deadlineMs = request.deadlineMs ?? matrix.deadlineMs;
  return {
    v: 1,
    night: nightName(startedAt),
    startedAt: startedAt.toISOString(),
    argv: process.argv.slice(2),
    ...(lab.file === undefined ? {} : { labFile: lab.file }),
    seed: request.seed,
    retries: matrix.retries,
    ...(matrix.flakyLimit === undefined ? {} : { flakyLimit: matrix.flakyLimit }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(shard ? { shard } : {}),
    host: { ...matrix.host, name: hostname(), ...host },
    jobs: await inOrder(own, { history: request.history, untilMs: startedAt.getTime() }),
    quarantine: matrix.quarantine.map((one) => ({ ...one, places: placesOf(one, whole) })),
  };
}

/** What a person gets who configured nothing: what every board of QEMU must be able to do, with the fewest boots. */
function tinyMatrix(lab: Lab): Matrix {
  const boards = lab.boards.filter(({ from, type }) => from === 'built-in' && !installsItself(type));
  const suites = ['boot', 'networking'].map((name) => ({ name, ref: name }));
  return {
    rows: [
      { boards: boards.map(({ name }) => name), images: [ownImage], suites, tier: 'smoke', priority: 0 },
    ],
    exclude: [],
    retries: 1,
    host: { heavy: [] },
    quarantine: [],
  };
}

function hostOf({ host }: Matrix): { cpus: number; memoryMiB: number } {
  const free = Math.min(freemem(), totalmem()) * shareOfFreeMemory;
  return {
    cpus: host.cpus ?? availableParallelism(),
    memoryMiB: host.memoryMiB ?? Math.floor(free / 2 ** 20),
  };
}

async function inOrder(
  jobs: readonly NightJob[],
  { history, untilMs }: { history: HistoryFile; untilMs: number },
): Promise<readonly NightJob[]> {
  const judged = new Map<string, number>();
  const known = await history.read((reader) =>
    jobs.map((job): NightJob => {
      const tests = testNights(reader, job, { untilMs, nights: nightsLookedAt });
      const last = tests.map(({ results }) => lastWord(results)?.startedMs ?? 0);
      judged.set(job.id, Math.max(0, ...last));
      const ms = usualMs(tests.filter(({ suite }) => job.tests.some((test) => test.suite === suite)));
      return { ...job, ...(ms === undefined ? {} : { usualMs: ms }) };
    }),
  );
  return byValue(known ?? jobs, ({ id }) => judged.get(id) ?? 0);
}

/** Suites of the matrix, each loaded once. */
class Suites {
  readonly #cwd: string;
  readonly #loaded = new Map<string, SuiteDefinition>();

  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  async nameOf(ref: string): Promise<string> {
    return (await this.#one(ref)).name;
  }

  async load(refs: readonly string[]): Promise<void> {
    for (const ref of refs) await this.#one(ref);
  }

  testsOn(
    board: BoardConfig,
    { suites, tier }: { readonly suites: readonly string[]; readonly tier: Tier },
  ): NightTest[] {
    const loaded = suites.flatMap((ref) => this.#loaded.get(ref) ?? []);
    return planBoard(board, loaded, { tier }).tests.map(({ suite, test }) => ({
      suite: suite.name,
      name: test.name,
    }));
  }

  async #one(ref: string): Promise<SuiteDefinition> {
    const known = this.#loaded.get(ref);
    if (known) return known;
    const [suite] = await loadSuites([ref], this.#cwd);
    if (!suite) throw new TypeError(`no suite came of ${ref}`);
    this.#loaded.set(ref, suite);
    return suite;
  }
}

function nothingSelected(): RigError {
  return new RigError('No job was selected: nothing is left of the matrix', {
    code: 'night.nothing-selected',
    blame: 'config',
    hint: 'rig nightly --list shows what there is; look at exclude, and at --board, --image and --suite.',
  });
}

/** The folder of a night: a path, its name in ./runs, or `latest`. */
export function nightFolder(
  name: string,
  { cwd, nights }: { cwd: string; nights: readonly string[] },
): string {
  const found = name === 'latest' ? nights.at(-1) : nights.find((night) => night === name);
  return found === undefined ? resolve(cwd, name) : resolve(cwd, 'runs', found);
}
