import type { BoardConfig, Image } from '../../contracts/board.js';
import { type ErrorRecord, firstLine, messageOf, RigError, toErrorRecord } from '../../contracts/errors.js';
import type { EventBody, TestPlace } from '../../contracts/events.js';
import type { Verdict } from '../../contracts/verdict.js';
import { isGuestUntold, type WarmStates } from '../warm/warm-states.js';
import type { AttemptOutcome } from './attempt.js';
import { runBody } from './body.js';
import type { EvidenceFile } from './evidence.js';
import { examine } from './examine.js';
import type { Freezer } from './freeze.js';
import type { DeriveImage, MakeBundle } from './host-services.js';
import { isStopped, type Lane } from './lanes.js';
import type { ManagedBoard } from './managed-board.js';
import { finalVerdict, isBad, type Outcome, outcomeOf, reasonOf, unlessStopped } from './outcome.js';
import type { PlannedTest } from './plan.js';
import { type BoardState, leave, reach, recover, rest, unknownState, type Wanted } from './start-state.js';

export interface BoardRunnerOptions {
  /** `signal` ends it with the run, also while it waits for a board that somebody else has. */
  readonly openBoard: (config: BoardConfig, wanted: { signal: AbortSignal }) => Promise<ManagedBoard>;
  /** Further boards of the same type for tests that need several; the reason when there are not enough. */
  readonly siblings: (config: BoardConfig, count: number) => readonly BoardConfig[] | string;
  /** The image of a variant; a string is the reason why there is none. */
  readonly image: (
    config: BoardConfig,
    wanted: { variant: 'dev' | 'prod' | undefined; signal: AbortSignal },
  ) => Promise<Image | undefined | string>;
  /** Another image made from the run's; undefined where it cannot be made. */
  readonly derive: (from: Image, ...wanted: Parameters<DeriveImage>) => ReturnType<DeriveImage>;
  /** An update for what `from` holds; undefined where it cannot be made. */
  readonly bundle: (from: Image, ...wanted: Parameters<MakeBundle>) => ReturnType<MakeBundle>;
  readonly emit: (event: EventBody) => void;
  readonly evidenceFile: EvidenceFile;
  readonly mask: (text: string) => string;
  readonly retries: number;
  /** False: only what the board did wrong is tried again, not errors of the rig or the suite. Default: true. */
  readonly retryErrors?: boolean | undefined;
  /** Of everything random in the suites. */
  readonly seed: number;
  readonly scale: (config: BoardConfig) => number;
  /** Keeps the boards of a test that failed; absent: nothing of them but the other evidence. */
  readonly freezer?: Freezer | undefined;
  /** Saved states of boards that have them; absent: every board boots. */
  readonly warm?: WarmStates | undefined;
  readonly signal: AbortSignal;
}

interface Opened {
  readonly board: ManagedBoard;
  readonly state: BoardState;
  /** Set once its start state could not be reached even after recovery: what follows is blocked by it. */
  broken?: ErrorRecord;
}

/** Runs a lane on its board, one test at a time, and always ends with every board that it opened off. */
export class BoardRunner {
  readonly #lane: Lane;
  readonly #options: BoardRunnerOptions;
  readonly #opened: Opened[] = [];
  #openError: ErrorRecord | undefined;

  constructor(lane: Lane, options: BoardRunnerOptions) {
    this.#lane = lane;
    this.#options = options;
  }

  /** Never rejects. @returns what kept boards from being closed; the verdicts stand all the same */
  async run(): Promise<readonly unknown[]> {
    // A broken board would only block what another could run.
    const isDone = (): boolean => this.#brokenBy(1) !== undefined && this.#lane.leavesToOthers();
    for (let tests = this.#lane.next(); tests; tests = isDone() ? undefined : this.#lane.next()) {
      // What an earlier portion left running is not taken on trust: each repetition has the same start.
      for (const { state } of this.#opened) if (state.running === 'shell') state.running = 'doubtful';
      for (const planned of tests) {
        if (isStopped(this.#options.signal)) break;
        this.#lane.began(planned);
        this.#lane.ended(planned, await this.#runTest(planned));
      }
    }
    return this.#close();
  }

  async #runTest(planned: PlannedTest): Promise<Verdict> {
    const earlier: Verdict[] = [];
    for (let attempt = 1; ; attempt += 1) {
      const place: TestPlace = { id: planned.id, board: this.#lane.board.name, attempt };
      const began = performance.now();
      this.#options.emit({
        type: 'test.start',
        ...place,
        suite: planned.suite.name,
        name: planned.test.name,
        deadlineMs: Math.round(planned.test.options.deadlineMs * this.#options.scale(this.#lane.board)),
        from: planned.test.options.from,
        ...this.#originOf(planned),
      });
      // A test that began always ends, and the next one has its turn, whatever is wrong with this one.
      const came = await this.#attempt(planned, place).catch((error: unknown) =>
        outcomeOf(toErrorRecord(error)),
      );
      const outcome = unlessStopped(came, this.#options.signal);
      const again =
        (outcome.verdict === 'failed' || (isBad(outcome) && this.#options.retryErrors !== false)) &&
        attempt <= this.#options.retries &&
        !this.#options.signal.aborted &&
        !this.#brokenBy(planned.test.options.boards);
      const final = finalVerdict(earlier, outcome.verdict);
      this.#options.emit({
        type: 'test.end',
        ...place,
        suite: planned.suite.name,
        name: planned.test.name,
        verdict: outcome.verdict,
        ms: Math.round(performance.now() - began),
        ...(again ? {} : { final }),
        ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
        ...(outcome.error === undefined ? {} : { error: outcome.error }),
      });
      if (!again) return final;
      earlier.push(outcome.verdict);
    }
  }

  /** What of a test that runs on a fork its name does not tell; a repetition tells it by itself. */
  #originOf({
    repetition,
  }: PlannedTest): Pick<Extract<EventBody, { type: 'test.start' }>, 'repetition' | 'forkOf'> {
    if (repetition) return { repetition };
    const { forkOf } = this.#lane;
    return forkOf === undefined ? {} : { forkOf };
  }

  async #attempt(planned: PlannedTest, place: TestPlace): Promise<Outcome> {
    const { signal } = this.#options;
    if (planned.skip !== undefined) return { verdict: 'skipped', reason: planned.skip };
    if (signal.aborted) return { verdict: 'blocked', reason: reasonOf(signal) };
    const broken = this.#brokenBy(planned.test.options.boards);
    if (broken)
      return {
        verdict: 'blocked',
        reason: `${broken.board === undefined ? 'the board' : broken.board} is broken: ${firstLine(broken.error.message)}`,
        error: broken.error,
      };

    const image = await this.#image(planned);
    if (typeof image === 'string') return { verdict: 'skipped', reason: image };
    if (image instanceof RigError) return { verdict: 'errored', error: toErrorRecord(image) };
    const opened = await this.#open(planned);
    if (typeof opened === 'string') return { verdict: 'skipped', reason: opened };
    if (!Array.isArray(opened)) return outcomeOf(opened as ErrorRecord);
    // While they are on, virtual boards take processor time from those that the test uses.
    if (this.#lane.board.type.machine)
      for (const { board, state } of this.#opened.slice(opened.length)) await rest(board, state);

    for (const one of opened as Opened[]) {
      const error = await this.#bring(one, { from: planned.test.options.from, image: image.image });
      if (error) {
        if (!signal.aborted) await this.#examine([one], place);
        return outcomeOf(error);
      }
    }
    const outcome = await this.#body(planned, { place, opened: opened as Opened[], image: image.image });
    if (isBad(outcome) && !signal.aborted) await this.#examine(opened as Opened[], place);
    return outcome;
  }

  async #body(
    planned: PlannedTest,
    { place, opened, image }: { place: TestPlace; opened: readonly Opened[]; image: Image | undefined },
  ): Promise<AttemptOutcome> {
    const { emit, scale, seed, signal, freezer } = this.#options;
    const boards = opened.map((one) => one.board);
    const epochsBefore = boards.map(({ epochs }) => epochs);
    const steps = freezer?.steps(boards, { place, signal });
    const outcome = await runBody(planned, {
      place,
      boards,
      seed,
      derive: async (wanted, options) => image && this.#options.derive(image, wanted, options),
      bundle: async (wanted, options) => image && this.#options.bundle(image, wanted, options),
      scale: scale(this.#lane.board),
      signal,
      emit,
      evidenceFile: this.#options.evidenceFile,
      stepBegins: steps?.begins,
    });
    await steps?.end({ failed: isBad(outcome) });
    for (const [index, one] of opened.entries()) {
      const started = one.board.epochs !== epochsBefore[index];
      leave(one.state, planned.test.options, { verdict: outcome.verdict, started });
    }
    return outcome;
  }

  /** @returns the error when neither the direct way nor one recovery led to the start state */
  async #bring(one: Opened, wanted: Wanted): Promise<ErrorRecord | undefined> {
    const { signal, emit } = this.#options;
    const twin = this.#opened.indexOf(one) + 1;
    const warm = this.#options.warm?.of({ board: one.board, image: wanted.image, twin, signal });
    try {
      await reach(one.board, one.state, wanted, warm);
      return undefined;
    } catch (first) {
      if (signal.aborted || isGuestUntold(first)) return toErrorRecord(first);
      emit({
        type: 'log',
        level: 'warning',
        board: one.board.name,
        message: `Did not reach the start state "${wanted.from}", trying once from a fresh medium: ${firstLine(messageOf(first))}`,
      });
      try {
        await recover(one.board, one.state, wanted);
        return undefined;
      } catch {
        // The first cause is the one to tell; the recovery failed because of it.
        const record = toErrorRecord(first);
        if (!signal.aborted) this.#markBroken(one, record);
        return record;
      }
    }
  }

  #markBroken(one: Opened, error: ErrorRecord): void {
    one.broken = error;
    this.#options.emit({ type: 'board.broken', board: one.board.name, error });
  }

  /** Why a test of so many boards cannot run; `board` is named when it is not the plan's own. */
  #brokenBy(boards: number): { error: ErrorRecord; board?: string } | undefined {
    if (this.#openError) return { error: this.#openError };
    const [own, ...others] = this.#opened.slice(0, boards);
    if (own?.broken) return { error: own.broken };
    const other = others.find((one) => one.broken !== undefined);
    return other?.broken && { error: other.broken, board: other.board.name };
  }

  async #image(planned: PlannedTest): Promise<{ image: Image | undefined } | string | RigError> {
    try {
      const { variant } = planned.test.options;
      const image = await this.#options.image(this.#lane.board, { variant, signal: this.#options.signal });
      return typeof image === 'string' ? image : { image };
    } catch (error) {
      if (error instanceof RigError) return error;
      throw error;
    }
  }

  /** The boards a test needs, opened: an array; or why there are not enough; or the error of opening one. */
  async #open(planned: PlannedTest): Promise<Opened[] | string | ErrorRecord> {
    const count = planned.test.options.boards;
    const others = count > 1 ? this.#options.siblings(this.#lane.board, count - 1) : [];
    if (typeof others === 'string') return others;
    for (const config of [this.#lane.board, ...others].slice(this.#opened.length)) {
      try {
        const board = await this.#options.openBoard(config, { signal: this.#options.signal });
        // Also what brings it to the first start state ends with the run.
        board.useSignal(this.#options.signal);
        this.#opened.push({ board, state: unknownState() });
      } catch (error) {
        const record = toErrorRecord(error);
        if (this.#opened.length === 0 && !this.#options.signal.aborted) {
          this.#openError = record;
          this.#options.emit({ type: 'board.broken', board: config.name, error: record });
        }
        return record;
      }
    }
    return this.#opened.slice(0, count);
  }

  async #examine(opened: readonly Opened[], place: TestPlace): Promise<void> {
    const boards = opened.map(({ board }) => board);
    await examine(boards, { ...this.#options, place });
    for (const { state } of opened) state.running = 'doubtful';
  }

  /** @returns what went wrong with it */
  async #close(): Promise<unknown[]> {
    const errors: unknown[] = [];
    for (const { board } of this.#opened.toReversed()) {
      const cpuSeconds = await board.cpuSeconds().catch(() => undefined);
      try {
        await board[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
      this.#options.emit({
        type: 'board.close',
        board: board.name,
        boots: board.boots,
        ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
      });
    }
    return errors;
  }
}
