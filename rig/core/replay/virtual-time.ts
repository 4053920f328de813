import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';

interface VirtualTimer {
  readonly due: number;
  readonly order: number;
  readonly fire: () => void;
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  now: performance.now,
};

/** By the host's own clock, whatever clock is installed. */
export function realPause(ms: number): Promise<void> {
  return new Promise((resolve) => void real.setTimeout(resolve, ms));
}

export function realNowMs(): number {
  return real.now.call(performance);
}

/**
 * A clock of its own for the whole process while it is installed: timers, `performance.now()` and `Date`. It stands still until somebody
 * moves it. The process's own timers are replaced, instead of a clock being handed to everybody, because a suite's timers
 * count as much as the rig's, and no time-out may fire by the wall clock. `setImmediate`, `process.hrtime` and I/O stay as they are.
 */
export class VirtualTime implements Disposable {
  readonly #timers = new Map<number, VirtualTimer>();
  readonly #restore: (() => void)[] = [];
  #nowMs: number;
  #order = 0;

  /** @param start.wallMs what `Date.now()` says when `performance.now()` says `start.nowMs` */
  constructor(start: { readonly nowMs: number; readonly wallMs: number }) {
    this.#nowMs = start.nowMs;
    const wallNow = (): number => Math.round(start.wallMs + this.#nowMs - start.nowMs);
    this.#patchTimers();
    this.#replace(performance, 'now', () => this.#nowMs);
    this.#replace(globalThis, 'Date', virtualDate(wallNow));
    this.#replace(AbortSignal, 'timeout', (ms: number) => {
      const over = new AbortController();
      this.#add(() => over.abort(new DOMException('The operation timed out', 'TimeoutError')), ms);
      return over.signal;
    });
    syncBuiltinESMExports();
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next timer fires; undefined when none is set. */
  get nextDueMs(): number | undefined {
    return this.#next()?.[1].due;
  }

  /** Moves to the next timer and fires it alone: what it sets in motion has its turn before the one after it. */
  fireNext(): void {
    const next = this.#next();
    if (!next) return;
    const [id, { due, fire }] = next;
    this.#timers.delete(id);
    this.#nowMs = Math.max(this.#nowMs, due);
    fire();
  }

  /** Moves to `ms`, firing what is due until then; never back. */
  advanceTo(ms: number): void {
    for (let due = this.nextDueMs; due !== undefined && due <= ms; due = this.nextDueMs) this.fireNext();
    this.#nowMs = Math.max(this.#nowMs, ms);
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore.reverse()) restore();
    this.#restore.length = 0;
    this.#timers.clear();
    syncBuiltinESMExports();
  }

  #patchTimers(): void {
    const setTimer = (body: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): object =>
      this.#handle(this.#add(() => body(...args), ms));
    const setRepeating = (body: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): object => {
      const again = (): void => {
        this.#add(again, ms, id);
        body(...args);
      };
      const id = this.#add(again, ms);
      return this.#handle(id);
    };
    const clear = (handle: unknown): void => {
      if (!this.#timers.delete(Number(handle))) real.clearTimeout(handle as NodeJS.Timeout);
    };
    for (const target of [globalThis, timers]) {
      this.#replace(target, 'setTimeout', setTimer);
      this.#replace(target, 'setInterval', setRepeating);
      this.#replace(target, 'clearTimeout', clear);
      this.#replace(target, 'clearInterval', clear);
    }
    this.#replace(
      timersPromises,
      'setTimeout',
      (ms?: number, value?: unknown, { signal }: { signal?: AbortSignal } = {}) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason);
          const id = this.#add(() => resolve(value), ms);
          signal?.addEventListener('abort', () => {
            this.#timers.delete(id);
            reject(signal.reason);
          });
        }),
    );
  }

  #add(fire: () => void, ms = 1, id?: number): number {
    this.#order += 1;
    // As Node, which takes 0 and more than 31 bits for 1 ms; but a part of one is a part of one here.
    const delayMs = ms > 0 && ms < 2 ** 31 ? ms : 1;
    // Ids far from Node's own, which count from 1: either kind may be cleared by number.
    const key = id ?? firstId + this.#order;
    this.#timers.set(key, { due: this.#nowMs + delayMs, order: this.#order, fire });
    return key;
  }

  #handle(id: number): object {
    const handle = {
      ref: () => handle,
      unref: () => handle,
      hasRef: () => true,
      refresh: () => handle,
      close: () => this.#timers.delete(id),
      [Symbol.toPrimitive]: () => id,
      [Symbol.dispose]: () => void this.#timers.delete(id),
    };
    return handle;
  }

  #next(): [number, VirtualTimer] | undefined {
    let first: [number, VirtualTimer] | undefined;
    for (const entry of this.#timers) {
      const [, { due, order }] = entry;
      if (!first || due < first[1].due || (due === first[1].due && order < first[1].order)) first = entry;
    }
    return first;
  }

  #replace(target: object, key: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(target, key);
    Object.defineProperty(target, key, { value, configurable: true, writable: true, enumerable: true });
    this.#restore.push(() => {
      if (before) Object.defineProperty(target, key, before);
      else Reflect.deleteProperty(target, key);
    });
  }
}

const firstId = 2 ** 40;

function virtualDate(wallNow: () => number): DateConstructor {
  return new Proxy(Date, {
    construct: (target, args: unknown[], self) =>
      Reflect.construct(target, args.length === 0 ? [wallNow()] : args, self) as object,
    apply: () => new Date(wallNow()).toString(),
    get: (target, key) => (key === 'now' ? wallNow : Reflect.get(target, key)),
  });
}
