/**
 * Undoes what was done, in reverse order. One failing end never skips the others: every error is kept.
 * (`AsyncDisposableStack` of the language is not in Node 20 and 22.)
 */
export class DisposalStack implements AsyncDisposable {
  #ends: (() => Promise<void> | void)[] = [];

  /** Registers what must happen at the end. */
  defer(end: () => Promise<void> | void): void {
    this.#ends.push(end);
  }

  /** Takes over `resource` and returns it. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.defer(async () => {
      if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]();
      else resource[Symbol.dispose]();
    });
    return resource;
  }

  /** Hands everything registered to a new stack: what was opened half-way is now somebody's, and stays. */
  move(): DisposalStack {
    const moved = new DisposalStack();
    moved.#ends = this.#ends;
    this.#ends = [];
    return moved;
  }

  /** @throws the only error, or an AggregateError of all */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} errors while closing`);
  }
}
