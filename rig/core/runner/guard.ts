import { RigError } from '../../contracts/errors.js';

/**
 * Stands between a test's body and the board. It knows which calls are under way, so that a deadline can say what the
 * test was waiting for, and after the test it turns every further call down: code that runs on after a time-out must
 * not touch the board of the next test.
 */
export class Guard {
  readonly #pending = new Map<number, string>();
  #calls = 0;
  #revoked: string | undefined;

  /** Names of the calls that have not settled yet, in the order they began. */
  get pending(): readonly string[] {
    return [...this.#pending.values()];
  }

  /** How many calls were made; a test that made none and asserted nothing proves nothing. */
  get calls(): number {
    return this.#calls;
  }

  revoke(reason: string): void {
    this.#revoked = reason;
  }

  /** @throws RigError `suite.late-call` once revoked */
  enter(call: string): () => void {
    if (this.#revoked !== undefined) {
      throw new RigError(`Cannot call ${call}: ${this.#revoked}`, {
        code: 'suite.late-call',
        blame: 'suite',
        hint: 'Await every promise of a test before its body returns, and stop at t.signal.',
      });
    }
    this.#calls += 1;
    const id = this.#calls;
    this.#pending.set(id, call);
    return () => this.#pending.delete(id);
  }

  /** `target` behind this guard, with everything that hangs on it. Its own methods see the unguarded `this`. */
  wrap<T extends object>(target: T, path: string): T {
    const wrapped = new Map<PropertyKey, object>();
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key, object);
        if (typeof key === 'symbol' || value === null) return value;
        if (typeof value === 'function') return this.#guardCall(object, value as Call, `${path}.${key}`);
        // Data (types, profiles, images) is frozen or copied by its owner; only what can act is guarded.
        if (typeof value !== 'object' || !hasMethods(value)) return value;
        const known = wrapped.get(key);
        if (known) return known;
        const inner = this.wrap(value, `${path}.${key}`);
        wrapped.set(key, inner);
        return inner;
      },
    });
  }

  #guardCall(object: object, method: Call, name: string): Call {
    return (...args: unknown[]) => {
      const leave = this.enter(`${name}(${args.length > 0 ? brief(args[0]) : ''})`);
      let result: unknown;
      try {
        result = method.apply(object, args);
      } catch (error) {
        leave();
        throw error;
      }
      if (!(result instanceof Promise)) {
        leave();
        return result;
      }
      return result.finally(leave);
    };
  }
}

type Call = (...args: unknown[]) => unknown;

function hasMethods(value: object): boolean {
  for (
    let object: object | null = value;
    object && object !== Object.prototype;
    object = Object.getPrototypeOf(object)
  ) {
    for (const key of Object.getOwnPropertyNames(object)) {
      const property = Object.getOwnPropertyDescriptor(object, key);
      if (key !== 'constructor' && typeof property?.value === 'function') return true;
    }
  }
  return false;
}

function brief(value: unknown): string {
  if (typeof value === 'function') return 'body';
  const text = value instanceof RegExp ? String(value) : JSON.stringify(value);
  return text === undefined ? '' : text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
