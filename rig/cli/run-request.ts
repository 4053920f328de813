import { join } from 'node:path';
import { terminalReporter } from '../../reports/terminal.js';
import type { Lab } from '../config/lab.js';
import type { BoardConfig, Image } from '../contracts/board.js';
import { messageOf } from '../contracts/errors.js';
import type { EventBody } from '../contracts/events.js';
import { exitCodes } from '../contracts/verdict.js';
import { BoardControl } from '../core/board/board-control.js';
import { Freezer } from '../core/runner/freeze.js';
import { imageFacts } from '../core/runner/image-facts.js';
import { forks, type Repeat } from '../core/runner/lanes.js';
import type { BoardPlan } from '../core/runner/plan.js';
import { run } from '../core/runner/run.js';
import { describeHolder } from '../core/session/holder.js';
import { openSession, waitingLine } from '../core/session/open.js';
import { WarmStates } from '../core/warm/warm-states.js';
import { measureSpeedFactor } from '../lifetime/host-speed.js';
import type { RunRecord } from '../record/model.js';
import { RunRecorder } from '../record/recorder.js';
import { prune } from '../record/retention.js';
import { SecretMask } from '../record/secrets.js';
import type { CommandIo } from './command.js';
import type { CiSummary } from './github.js';
import { historyFile } from './history-file.js';
import { resolveImage } from './image-ref.js';
import { mediumWriter } from './medium-writer.js';
import { reportError } from './print-error.js';
import { privateKeyOf } from './private-key.js';
import { openDevices } from './registry.js';
import { runStart } from './run-start.js';
import { siblings } from './siblings.js';
import { snapshotCache } from './snapshot-cache.js';
import { readBundle } from './update-file.js';

/** Everything `rig run` was asked for, checked: nothing has been started yet. */
export interface RunRequest {
  readonly lab: Lab;
  readonly plans: readonly BoardPlan[];
  readonly image: string | undefined;
  /** A person's own update, for suites that update boards. */
  readonly update: string | undefined;
  readonly reportDir: string | undefined;
  readonly junit: string | undefined;
  /** Gets a summary in Markdown. */
  readonly summary: string | undefined;
  readonly retries: number;
  readonly retryErrors: boolean;
  /** What the image is called from run to run. */
  readonly imageName: string | undefined;
  readonly repeat: Repeat | undefined;
  readonly jobs: number;
  readonly seed: number;
  /** No board is restored, and none is saved. */
  readonly cold: boolean;
  readonly deadlineMs: number | undefined;
  /** Boards that fail are kept as they stand. */
  readonly keep: { readonly maxBytes: number; readonly steps: boolean } | undefined;
  readonly wait: boolean;
}

/** Runs what was asked for, writes the run folder and its reports, and says where they are. */
export async function runRequest(request: RunRequest, io: CommandIo): Promise<number> {
  const images = new Images(request, io);
  // Before anything is started: a wrong image is bad input, not a failed test.
  for (const { board, tests } of request.plans)
    if (tests.some((test) => test.skip === undefined)) await images.of(board);
  if (request.update !== undefined) await readBundle(request.update, { signal: io.signal });

  const secrets = new SecretMask(request.lab.secrets);
  for (const { board } of request.plans) secrets.register(board.type.login?.password ?? '');
  const isVirtual = request.plans.some((plan) => plan.board.type.machine);
  const speedFactor = isVirtual ? measureSpeedFactor({ boards: request.jobs }) : 1;
  const scale = (board: BoardConfig): number => (board.type.machine ? speedFactor : 1);
  const suites = new Set(request.plans.flatMap((plan) => plan.tests.map((test) => test.suite.name)));
  const purpose = `rig run ${[...suites].join(' ')}`;
  const runsDir = join(io.cwd, 'runs');
  const saved = snapshotCache(io.env);
  const { reportDir } = request;
  await using recorder = await RunRecorder.create({
    runsDir,
    ...(reportDir === undefined ? {} : { dir: reportDir }),
    mask: secrets,
  });
  // Before the reporter, so that it speaks after it.
  using ci = await ciSummary(request, io);
  using _reporter = terminalReporter(recorder, { io, total: countTests(request) });
  const { imageName, seed } = request;
  recorder.emit(runStart({ run: recorder.run, seed, speedFactor, imageName, night: io.env.BOARDRIG_NIGHT }));
  for (const note of request.lab.notes) recorder.emit({ type: 'log', level: 'info', message: note });

  const emit = (event: EventBody): void => void recorder.emit(event);
  const sharing = { ...request, plans: request.plans.length };
  const boards = request.plans.flatMap((plan) => forks(plan, sharing));
  const taken = new Set(boards.map(({ name }) => name));
  const result = await run({
    plans: request.plans,
    jobs: request.jobs,
    ...(request.deadlineMs === undefined ? {} : { deadlineMs: request.deadlineMs }),
    repeat: request.repeat,
    retries: request.retries,
    retryErrors: request.retryErrors,
    freezer:
      request.keep &&
      new Freezer({ ...request.keep, folder: (place, frozen) => recorder.frozenFolder(place, frozen), emit }),
    warm: request.cold || saved.maxBytes === 0 ? undefined : new WarmStates(saved, emit),
    seed: request.seed,
    signal: io.signal,
    emit,
    mask: (text) => secrets.maskText(text),
    evidenceFile: (place, name) => recorder.evidenceFile(place, name),
    scale,
    siblings: (board, count) => siblings(board, { count, lab: request.lab.boards, taken }),
    image: (board, wanted) => images.of(board, wanted),
    derive: async (from, wanted, options) => {
      const { deriveImage } = await import('./derive-image.js');
      const progress = (line: string): void => io.err(`${line}\n`);
      return deriveImage(wanted, { from, env: io.env, progress, ...options });
    },
    bundle: async (from, wanted, options) => {
      const { makeBundle } = await import('./make-bundle.js');
      const progress = (line: string): void => io.err(`${line}\n`);
      return makeBundle(wanted, { from, update: request.update, env: io.env, progress, ...options });
    },
    openBoard: async (board, { signal }) => {
      const say = (level: 'info' | 'warning', message: string): void =>
        void recorder.emit({ type: 'log', level, board: board.name, message });
      const session = await openSession(board, {
        purpose,
        exclusive: true,
        wait: request.wait,
        signal,
        openDevices,
        secrets: request.lab.secrets,
        onWait: (holder) => say('info', waitingLine(board.name, holder)),
      });
      if ('leaseHolder' in session)
        say('info', 'It has a session already, which this run uses: what is on its medium is replaced');
      if ('recovered' in session && session.recovered)
        say(
          'warning',
          `Who had it before died without ending its session, and what was left is cleaned up: ${describeHolder(session.recovered)}`,
        );
      if (request.keep && session.capabilities.snapshots) await recorder.keepDefinition(board);
      const image = await images.of(board);
      recorder.emit({
        type: 'board.open',
        board: board.name,
        boardType: board.type.name,
        ...(board.type.untested === undefined ? {} : { untested: board.type.untested }),
        profile: board.profile.name,
        virtual: board.type.machine !== undefined,
        drivers: session.drivers,
        capabilities: [...session.has],
        ...(typeof image === 'object' ? { image: imageFacts(image) } : {}),
      });
      return BoardControl.open({
        session,
        privateKey: (current) => privateKeyOf(current, board),
        emit,
        consolePath: recorder.consolePath(board.name),
        secrets,
        scale: scale(board),
        writer: mediumWriter,
      });
    },
  });
  try {
    await recorder.flush();
    const { writeReports } = await import('../../reports/write.js');
    const { run: record } = await writeReports(
      recorder.dir,
      request.junit === undefined ? {} : { junit: request.junit },
    );
    // A night enters all its runs in one step.
    if (!io.env.BOARDRIG_NIGHT) await enterHistory(record, io);
    if (ci) {
      const { digestOfRun } = await import('../../reports/github/digest.js');
      await ci.tell(digestOfRun(record), request.summary);
    }
  } catch (error) {
    // That a board failed a test outranks what is wrong with the rig, and is said all the same.
    if (result.exitCode !== exitCodes.failed) throw error;
    reportError(error, { debug: false, io });
  }
  if (reportDir === undefined) await pruneRuns(runsDir, io);
  return result.exitCode;
}

/** A history that cannot be written is no reason to doubt the run: it can be rebuilt from the run folders. */
async function enterHistory(run: RunRecord, io: CommandIo): Promise<void> {
  const { recordRun } = await import('../core/history/record.js');
  try {
    await historyFile(io).change((history) => recordRun(history, run));
  } catch (error) {
    io.err(`rig: Cannot enter the run into the history: ${messageOf(error)}\n`);
  }
}

/** Most runs are in nobody's CI and load nothing of it. */
async function ciSummary({ summary }: RunRequest, io: CommandIo): Promise<CiSummary | undefined> {
  // The runs of a night are told by the night.
  const isAsked = summary !== undefined || io.env.GITHUB_ACTIONS === 'true';
  if (!isAsked || io.env.BOARDRIG_NIGHT) return undefined;
  const { CiSummary } = await import('./github.js');
  return new CiSummary(io);
}

/** Old runs that cannot be deleted are no reason to doubt this one. */
async function pruneRuns(runsDir: string, io: CommandIo): Promise<void> {
  try {
    await prune(runsDir);
  } catch (error) {
    io.err(`rig: Cannot delete old runs in ${runsDir}: ${messageOf(error)}\n`);
  }
}

/** Images of this run, each resolved once. */
class Images {
  readonly #request: RunRequest;
  readonly #io: CommandIo;
  readonly #resolved = new Map<string, Promise<Image | undefined | string>>();

  constructor(request: RunRequest, io: CommandIo) {
    this.#request = request;
    this.#io = io;
  }

  /** `signal` ends the building of the first who asks. */
  of(
    board: BoardConfig,
    {
      variant,
      signal = this.#io.signal,
    }: { variant?: 'dev' | 'prod' | undefined; signal?: AbortSignal } = {},
  ): Promise<Image | undefined | string> {
    const key = `${board.type.name}/${variant ?? ''}`;
    let image = this.#resolved.get(key);
    if (!image) {
      image = resolveImage(board, {
        ref: this.#request.image,
        variant,
        cwd: this.#io.cwd,
        env: this.#io.env,
        signal,
        progress: (line) => this.#io.err(`${line}\n`),
      });
      this.#resolved.set(key, image);
    }
    return image;
  }
}

/** Undefined: nobody knows. */
function countTests({ plans, repeat }: RunRequest): number | undefined {
  const total = plans.reduce((sum, plan) => sum + plan.tests.length, 0) * (repeat?.times ?? 1);
  return Number.isFinite(total) ? total : undefined;
}
