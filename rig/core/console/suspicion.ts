/** How long a panic or reset inside a command's output stays a suspicion. */
const graceMs = 2_000;

/**
 * A command that prints an old kernel log shows the same lines as a kernel that dies. While one runs, what such a line means
 * is put off: the end of the command clears it; no end within the grace time proves it.
 */
export class Suspicion implements Disposable {
  readonly #graceMs: number;
  #open = 0;
  #pending: { act: () => void; timer: NodeJS.Timeout } | undefined;

  constructor(scale: number) {
    this.#graceMs = graceMs * scale;
  }

  open(): Disposable & { clear(): void } {
    this.#open += 1;
    let closed = false;
    const close = (): boolean => {
      if (closed) return false;
      closed = true;
      this.#open -= 1;
      return true;
    };
    return {
      /** All was well. */
      clear: () => {
        if (close()) this.drop();
      },
      /** It ended some other way: what was suspected is so. */
      [Symbol.dispose]: () => {
        if (close()) this.#prove();
      },
    };
  }

  /** Acts now, or after the grace time when a command is running. The first suspicion is the one that counts. */
  act(act: () => void): void {
    if (this.#open === 0) act();
    else this.#pending ??= { act, timer: setTimeout(() => this.#prove(), this.#graceMs) };
  }

  drop(): void {
    clearTimeout(this.#pending?.timer);
    this.#pending = undefined;
  }

  [Symbol.dispose](): void {
    this.drop();
  }

  #prove(): void {
    const pending = this.#pending;
    this.drop();
    pending?.act();
  }
}
