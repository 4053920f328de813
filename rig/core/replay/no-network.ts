import dgram from 'node:dgram';
import net from 'node:net';

/**
 * While it stands, this process connects to nothing and sends nothing: whatever answers today at an address of then is not the board, and
 * may be hardware that somebody else uses. Listening stays possible. Programs that a suite starts are not covered.
 */
export class NoNetwork implements Disposable {
  readonly #restore: (() => void)[] = [];

  /** @param refuse told what was to be reached; its error is what the connection ends with */
  constructor(refuse: (address: string) => Error) {
    this.#replace(net.Socket.prototype, 'connect', function (this: net.Socket, ...args: unknown[]) {
      return this.destroy(refuse(addressOf(args)));
    });
    this.#replace(dgram.Socket.prototype, 'send', () => {
      throw refuse('a UDP address');
    });
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore.reverse()) restore();
    this.#restore.length = 0;
  }

  #replace(prototype: object, key: string, value: (...args: unknown[]) => unknown): void {
    const before = Object.getOwnPropertyDescriptor(prototype, key);
    Object.defineProperty(prototype, key, { value, configurable: true, writable: true, enumerable: true });
    this.#restore.push(() => {
      if (before) Object.defineProperty(prototype, key, before);
      else Reflect.deleteProperty(prototype, key);
    });
  }
}

/** The forms that `socket.connect` takes: an object, a path, a port and a host; `net.connect` hands on an array of them. */
function addressOf(args: readonly unknown[]): string {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first !== 'object' || first === null)
    return typeof first === 'number'
      ? `${typeof second === 'string' ? second : 'localhost'}:${first}`
      : String(first);
  const { path, host, port } = first as { path?: unknown; host?: unknown; port?: unknown };
  return typeof path === 'string' ? path : `${String(host ?? 'localhost')}:${String(port)}`;
}
