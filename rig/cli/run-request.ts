import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { terminalReporter } from '../../reports/terminal.js';
import type { Lab } from '../config/lab.js';
import type { BoardConfig, Image } from '../contracts/board.js';
import { RigError } from '../contracts/errors.js';
import { exitCodes } from '../contracts/verdict.js';
import { BoardControl } from '../core/board/board-control.js';
import type { BoardPlan } from '../core/runner/plan.js';
import { run } from '../core/runner/run.js';
import { describeHolder } from '../core/session/holder.js';
import { openSession, waitingLine } from '../core/session/open.js';
import { WarmStates } from '../core/warm/warm-states.js';
import { measureSpeedFactor } from '../lifetime/host-speed.js';
import { RunRecorder } from '../record/recorder.js';
import { prune } from '../record/retention.js';
import { SecretMask } from '../record/secrets.js';
import type { CommandIo } from './command.js';
import { resolveImage } from './image-ref.js';
import { reportError } from './print-error.js';
import { openDevices } from './registry.js';
import { runStart } from './run-start.js';
import { snapshotCache } from './snapshot-cache.js';

/** Everything `rig run` was asked for, checked: nothing has been started yet. */
export interface RunRequest {
  readonly lab: Lab;
  readonly plans: readonly BoardPlan[];
  readonly image: string | undefined;
  readonly reportDir: string | undefined;
  readonly junit: string | undefined;
  readonly retries: number;
  readonly jobs: number;
  readonly seed: number;
  /** No board is restored, and none is saved. */
  readonly cold: boolean;
  readonly deadlineMs: number | undefined;
  readonly keepOnFailure: boolean;
  readonly wait: boolean;
}

/** Runs what was asked for, writes the run folder and its reports, and says where they are. */
export async function runRequest(request: RunRequest, io: CommandIo): Promise<number> {
  const images = new Images(request, io);
  // Before anything is started: a wrong image is bad input, not a failed test.
  for (const { board, tests } of request.plans)
    if (tests.some((test) => test.skip === undefined)) await images.of(board);

  const secrets = new SecretMask(request.lab.secrets);
  for (const { board } of request.plans) secrets.register(board.type.login?.password ?? '');
  const speedFactor = request.plans.some((plan) => plan.board.type.machine) ? await measureSpeedFactor() : 1;
  const scale = (board: BoardConfig): number => (board.type.machine ? speedFactor : 1);
  const suites = new Set(request.plans.flatMap((plan) => plan.tests.map((test) => test.suite.name)));
  const purpose = `rig run ${[...suites].join(' ')}`;
  const runsDir = join(io.cwd, 'runs');
  const { reportDir } = request;
  await using recorder = await RunRecorder.create({
    runsDir,
    ...(reportDir === undefined ? {} : { dir: reportDir }),
    mask: secrets,
  });
  using _reporter = terminalReporter(recorder, { io, total: countTests(request) });
  recorder.emit(runStart({ run: recorder.run, seed: request.seed, speedFactor }));
  for (const note of request.lab.notes) recorder.emit({ type: 'log', level: 'info', message: note });

  const result = await run({
    plans: request.plans,
    jobs: request.jobs,
    ...(request.deadlineMs === undefined ? {} : { deadlineMs: request.deadlineMs }),
    retries: request.retries,
    keepOnFailure: request.keepOnFailure,
    warm: request.cold
      ? undefined
      : new WarmStates(snapshotCache(io.env), (event) => void recorder.emit(event)),
    signal: io.signal,
    emit: (event) => void recorder.emit(event),
    mask: (text) => secrets.maskText(text),
    evidenceFile: (place, name) => recorder.evidenceFile(place, name),
    scale,
    siblings: (board, count) => siblings(request, { board, count }),
    image: (board, wanted) => images.of(board, wanted),
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
      const image = await images.of(board);
      recorder.emit({
        type: 'board.open',
        board: board.name,
        boardType: board.type.name,
        profile: board.profile.name,
        virtual: board.type.machine !== undefined,
        drivers: session.drivers,
        ...(typeof image === 'object' ? { image: imageFacts(image) } : {}),
      });
      return BoardControl.open({
        session,
        privateKey: (current) => privateKeyOf(current, board),
        emit: (event) => void recorder.emit(event),
        consolePath: recorder.consolePath(board.name),
        secrets,
        scale: scale(board),
      });
    },
  });
  try {
    await recorder.flush();
    const { writeReports } = await import('../../reports/write.js');
    await writeReports(recorder.dir, request.junit === undefined ? {} : { junit: request.junit });
  } catch (error) {
    // That a board failed a test outranks what is wrong with the rig, and is said all the same.
    if (result.exitCode !== exitCodes.failed) throw error;
    reportError(error, { debug: false, io });
  }
  if (reportDir === undefined) await pruneRuns(runsDir, io);
  return result.exitCode;
}

/** Old runs that cannot be deleted are no reason to doubt this one. */
async function pruneRuns(runsDir: string, io: CommandIo): Promise<void> {
  try {
    await prune(runsDir);
  } catch (error) {
    io.err(
      `rig: Cannot delete old runs in ${runsDir}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
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

/** Further boards of the same type: virtual ones are simply made, real ones must be in the lab and not in this run. */
function siblings(
  request: RunRequest,
  { board, count }: { board: BoardConfig; count: number },
): readonly BoardConfig[] | string {
  if (board.type.machine) {
    return Array.from({ length: count }, (_, index) => ({ ...board, name: `${board.name}~${index + 2}` }));
  }
  const planned = new Set(request.plans.map((plan) => plan.board.name));
  const free = request.lab.boards.filter(
    (other) => other.type.name === board.type.name && !planned.has(other.name),
  );
  return free.length >= count
    ? free.slice(0, count)
    : `it needs ${count + 1} boards of type ${board.type.name}; the lab has ${free.length + 1} that this run may use`;
}

function imageFacts(image: Image): { path: string; sha256: string; version?: string; variant?: string } {
  return {
    path: image.path,
    sha256: image.sha256,
    ...(image.version === undefined ? {} : { version: image.version }),
    ...(image.variant === undefined ? {} : { variant: image.variant }),
  };
}

function privateKeyOf(image: Image | undefined, board: BoardConfig): string | undefined {
  const file = board.ssh?.keyFile ?? image?.sshKeyFile;
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RigError(`Cannot read the ssh key ${file}`, {
      code: 'ssh.key-unreadable',
      blame: 'config',
      hint: 'Give a private key file that this user may read.',
      cause: error,
    });
  }
}

function countTests(request: RunRequest): number {
  return request.plans.reduce((sum, plan) => sum + plan.tests.length, 0);
}
