import type { Cancellable, GpioEdge } from '../../contracts/capabilities.js';
import type { DeviceEvent } from '../../contracts/driver.js';
import type { RigError } from '../../contracts/errors.js';
import type { BoardPlace, EpochReason, EventBody } from '../../contracts/events.js';
import type { BoardSession } from '../../contracts/session.js';
import type { SlotHistory } from '../update/slot-history.js';
import type { BoardConsole } from './board-console.js';
import { BoardLife } from './life.js';
import { panicked, poweredOff } from './mishaps.js';
import { type Observe, recordedLooks } from './observe.js';
import { Trouble } from './trouble.js';

type Placed = Extract<EventBody, BoardPlace>;
/** An event of a board without its place. */
type OnBoard = Placed extends infer Body
  ? Body extends Placed
    ? Omit<Body, keyof BoardPlace>
    : never
  : never;

/**
 * What everything about one board hangs on: its session, how far it came, and the signal that ends every call when the
 * test is over or the board is in trouble.
 */
export class Circuit {
  readonly session: BoardSession;
  readonly life: BoardLife;
  readonly trouble = new Trouble();
  /** Multiplies every time-out. */
  readonly scale: number;
  readonly emit: (event: EventBody) => void;
  /** How a suite's looks are taken; a replay sets another way. */
  observe: Observe = recordedLooks((seen) => this.tell({ type: 'observation', ...seen }));
  console: BoardConsole | undefined;
  /** Of a board whose console tells of its slots. */
  history: SlotHistory | undefined;
  /** How many watch each line. */
  readonly lineWatchers = new Map<string, number>();
  /** Called with every change of a line that somebody watches. */
  readonly edgeListeners = new Set<(line: string, edge: GpioEdge) => void>();
  /** Called when no connection to the board can stand any more. */
  onCut: () => void = () => {};
  #calls = 0;
  #scope: AbortSignal = new AbortController().signal;

  constructor(session: BoardSession, options: { scale: number; emit: (event: EventBody) => void }) {
    this.session = session;
    this.scale = options.scale;
    this.emit = options.emit;
    this.life = new BoardLife(session.board.name, options.emit);
  }

  get name(): string {
    return this.session.board.name;
  }

  get signal(): AbortSignal {
    return AbortSignal.any([this.#scope, this.trouble.signal]);
  }

  /** Records the console bytes that came until now; else they are told up to 20 ms later. */
  report(): void {
    this.console?.engine.report();
  }

  /** Records what happened to the board, behind every console byte that came before it. */
  tell(what: OnBoard): void {
    this.report();
    this.emit({ ...what, ...this.life.place } as EventBody);
  }

  /** Records that the board is asked something. @returns the number under which the answer is to be told */
  asked(): number {
    this.#calls += 1;
    this.tell({ type: 'ask', call: this.#calls });
    return this.#calls;
  }

  useSignal(signal: AbortSignal): void {
    this.#scope = signal;
  }

  cancellable(options?: Cancellable): Cancellable {
    return options?.signal ? options : { signal: this.signal };
  }

  openEpoch(reason: EpochReason, options: { readonly running?: boolean } = {}): void {
    // The console tells back by `epochBegan`, also of resets that only it saw.
    if (this.console) this.console.engine.openEpoch(reason, options);
    else this.epochBegan(reason);
  }

  epochBegan(reason: EpochReason): void {
    this.life.beginEpoch();
    this.history?.epochBegan(this.life.epochs, reason === 'reset' ? 'reset' : 'off');
    if (reason === 'reset') this.onCut();
  }

  raise(error: RigError): void {
    this.onCut();
    this.trouble.raise(error);
  }

  deviceEvent(event: DeviceEvent): void {
    switch (event.kind) {
      case 'power':
        this.tell({ type: 'power', state: event.state, cause: event.cause });
        if (event.state === 'off') this.history?.powerWentOff();
        if (event.state === 'off' && event.cause === 'board') this.raise(poweredOff(this.name));
        return;
      case 'reset':
        this.tell({ type: 'reset', cause: event.cause });
        if (event.cause === 'board' && this.console) this.console.engine.resetReported();
        else this.openEpoch('reset');
        return;
      case 'link':
        this.tell({ type: 'link', state: event.state });
        return;
      case 'mux':
        this.tell({ type: 'mux', side: event.side });
        return;
      case 'edge': {
        const { line, level, atNs } = event;
        this.tell({ type: 'edge', line, level, atNs });
        for (const listener of [...this.edgeListeners]) listener(line, { level, atNs });
        return;
      }
      case 'panicked':
        this.raise(panicked(this.name));
        return;
      case 'lost':
        this.console?.engine.fail(event.error);
        this.raise(event.error);
        return;
      case 'note':
        this.emit({
          type: 'log',
          level: 'info',
          board: this.name,
          message: `${event.name}: ${JSON.stringify(event.data)}`,
        });
    }
  }
}
