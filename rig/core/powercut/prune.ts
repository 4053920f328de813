import type { Boot, CrashState, StateClass } from '../../contracts/powercut.js';
import { type LogContents, ReadSetView } from './read-set-view.js';

/** A boot and the states that it speaks for. */
interface Class {
  readonly representative: CrashState;
  readonly view: ReadSetView;
  readonly held: Int32Array;
  readonly members: CrashState[];
}

/**
 * Sorts states into classes that no boot can tell apart. What a boot does follows from the bytes that it reads: a state which agrees with a
 * booted one on every sector that this boot read would have been read alike, sector by sector, and so boots alike. Nothing is settled by
 * anything else: until a boot speaks for a state, it is open.
 */
export class Pruner {
  readonly #log: LogContents;
  readonly #states: ReadonlyMap<string, CrashState>;
  readonly #open: Map<string, CrashState>;
  readonly #classes: Class[] = [];

  constructor(log: LogContents, states: readonly CrashState[]) {
    this.#log = log;
    this.#states = new Map(states.map((state) => [state.name, state]));
    this.#open = new Map(this.#states);
  }

  /** States that no boot speaks for yet, in the order in which they were given. */
  get open(): readonly CrashState[] {
    return [...this.#open.values()];
  }

  get classes(): readonly StateClass[] {
    return this.#classes.map(({ representative, view, held, members }) => ({
      representative: representative.name,
      members: members.map(({ name }) => name),
      identity: view.identityOf(held),
    }));
  }

  isOpen(name: string): boolean {
    return this.#open.has(name);
  }

  /**
   * Takes a boot of a state.
   *
   * @returns the open states that it settles, the booted one first where it was open
   */
  add(boot: Boot): readonly CrashState[] {
    const state = this.#states.get(boot.state);
    if (!state) throw new Error(`no state is called ${boot.state}`);
    const view = new ReadSetView(this.#log, boot.read);
    const held = view.of(state);
    const settled: CrashState[] = [];
    if (this.#open.delete(state.name)) settled.push(state);
    for (const other of this.#open.values()) if (view.areEqual(held, view.of(other))) settled.push(other);
    for (const { name } of settled) this.#open.delete(name);
    if (settled.length > 0) this.#classes.push({ representative: state, view, held, members: settled });
    return settled;
  }

  /** Names of the booted states that speak for `state`; more than one where classes overlap: their verdicts must be the same. */
  speakersFor(state: CrashState): readonly string[] {
    return this.#classes
      .filter(({ view, held }) => view.areEqual(held, view.of(state)))
      .map(({ representative }) => representative.name);
  }
}
