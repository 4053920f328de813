import type { ErrorRecord } from '../../rig/contracts/errors.js';
import type { Repetition, RigEvent } from '../../rig/contracts/events.js';
import type { Verdict } from '../../rig/contracts/verdict.js';
import { isFrozen } from '../../rig/record/frozen.js';

/** What one board is doing. */
export interface BoardStatus {
  readonly board: string;
  readonly stage: string;
  readonly test?: string;
  readonly testSinceT?: number;
  readonly step?: string;
}

export interface FinishedTest {
  readonly id: string;
  readonly board: string;
  readonly suite: string;
  readonly name: string;
  readonly repetition?: Repetition;
  readonly verdict: Verdict;
  readonly ms: number;
  readonly attempts: number;
  readonly reason?: string;
  readonly error?: ErrorRecord;
  /** Where the board's console file ended when the test did. */
  readonly consoleEnd: number;
  /** A board of it was kept where it failed. */
  readonly frozen: boolean;
}

type Draft = { -readonly [Key in keyof BoardStatus]: BoardStatus[Key] } & { steps: [number, string][] };

/** Follows the events of a run and knows what to show of it. */
export class RunStatus {
  readonly finished: FinishedTest[] = [];
  /** Power-ons and resets of all boards so far; what was restored from a saved state did not boot. */
  boots = 0;
  readonly #boards = new Map<string, Draft>();
  /** Of tests under way, by id. */
  readonly #repetitions = new Map<string, Repetition>();
  readonly #consoleEnds = new Map<string, number>();
  readonly #frozen = new Set<string>();

  get boards(): readonly BoardStatus[] {
    return [...this.#boards.values()];
  }

  /** @returns the test that ended for good with this event */
  add(event: RigEvent): FinishedTest | undefined {
    switch (event.type) {
      case 'board.open':
        this.#begin(event.board);
        return undefined;
      case 'board.close':
        this.#boards.delete(event.board);
        return undefined;
      case 'epoch':
        if (event.reason !== 'restore') this.boots += 1;
        return undefined;
      case 'stage':
        this.#change(event.board, (board) => (board.stage = event.stage));
        return undefined;
      case 'power':
        this.#change(event.board, (board) => (board.stage = event.state === 'on' ? 'power on' : event.state));
        return undefined;
      case 'console':
        this.#consoleEnds.set(event.board, event.offset + event.length);
        return undefined;
      case 'test.start':
        // The first test of a board begins before the board is opened for it.
        this.#begin(event.board);
        if (event.repetition) this.#repetitions.set(event.id, event.repetition);
        this.#change(event.board, (board) => {
          const number = event.repetition ? ` #${event.repetition.number}` : '';
          board.test = `${event.suite}: ${event.name}${number}`;
          board.testSinceT = event.t;
          board.steps = [];
        });
        return undefined;
      case 'step.start':
        this.#change(event.board, (board) => board.steps.push([event.step, event.name]));
        return undefined;
      case 'step.end':
        this.#change(
          event.board,
          (board) => (board.steps = board.steps.filter(([step]) => step !== event.step)),
        );
        return undefined;
      case 'evidence':
        if (isFrozen({ evidence: [event] })) this.#frozen.add(event.id);
        return undefined;
      case 'test.end':
        return this.#end(event);
      default:
        return undefined;
    }
  }

  #end(event: Extract<RigEvent, { type: 'test.end' }>): FinishedTest | undefined {
    this.#change(event.board, (board) => {
      delete board.test;
      delete board.testSinceT;
      board.steps = [];
    });
    if (event.final === undefined) return undefined;
    const { id, board, suite, name, ms, attempt, final, reason, error } = event;
    const repetition = this.#repetitions.get(id);
    this.#repetitions.delete(id);
    const finished: FinishedTest = {
      id,
      board,
      suite,
      name,
      verdict: final,
      ms,
      attempts: attempt,
      ...(repetition ? { repetition } : {}),
      consoleEnd: this.#consoleEnds.get(board) ?? 0,
      frozen: this.#frozen.has(id),
      ...(reason === undefined ? {} : { reason }),
      ...(error === undefined ? {} : { error }),
    };
    this.finished.push(finished);
    return finished;
  }

  #begin(name: string): void {
    if (!this.#boards.has(name)) this.#boards.set(name, { board: name, stage: 'off', steps: [] });
  }

  #change(name: string, change: (board: Draft) => unknown): void {
    const board = this.#boards.get(name);
    if (!board) return;
    change(board);
    const step = board.steps.at(-1)?.[1];
    if (step === undefined) delete board.step;
    else board.step = step;
  }
}
