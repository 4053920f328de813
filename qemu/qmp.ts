import type { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import { type Json, RigError } from '../rig/contracts/errors.js';
import { isJsonObject, type JsonObject } from '../rig/contracts/json.js';
import { abortable } from '../rig/lifetime/abortable.js';

/** A line longer than this is no message of QEMU's: its longest are some 100 KiB. */
const longestLine = 16 * 1024 * 1024;

export interface QmpListener {
  /** QEMU's asynchronous messages, in order, with the replies in between. */
  event(name: string, data: JsonObject): void;
  /** At most once: the connection is gone and all that was pending was rejected with this. */
  lost(error: RigError): void;
}

interface Pending {
  readonly command: string;
  resolve(value: Json): void;
  reject(error: RigError): void;
}

/**
 * One end of a QEMU Machine Protocol connection (docs/interop/qmp-spec.txt of QEMU): JSON values, one a line. Several
 * commands may be under way; replies are matched by id.
 */
export class Qmp implements Disposable {
  readonly #stream: Duplex;
  readonly #listener: QmpListener;
  readonly #decoder = new StringDecoder('utf8');
  readonly #pending = new Map<number, Pending>();
  readonly #ready: Promise<void>;
  #parts: string[] = [];
  #partsLength = 0;
  #nextId = 1;
  #lost: RigError | undefined;
  #greeted: () => void = () => {};

  /** Reads from `stream` at once; call `ready` before the first command. */
  constructor(stream: Duplex, listener: QmpListener) {
    this.#stream = stream;
    this.#listener = listener;
    const greeting = new Promise<void>((resolve, reject) => {
      this.#greeted = resolve;
      this.#pending.set(0, { command: 'the greeting', resolve: () => resolve(), reject });
    });
    this.#ready = greeting.then(async () => {
      this.#pending.delete(0);
      await this.execute('qmp_capabilities');
    });
    // Whoever awaits `ready` is told; nobody has to.
    this.#ready.catch(() => {});
    stream.on('data', (chunk: Buffer) => this.#receive(this.#decoder.write(chunk)));
    stream.on('error', (error) => this.#lose(`the connection failed: ${error.message}`, error));
    stream.on('close', () => this.#lose('the connection was closed'));
  }

  /** Resolves when QEMU has greeted and its commands are open. */
  async ready({ signal }: Cancellable = {}): Promise<void> {
    await abortable(this.#ready, { signal });
  }

  /**
   * Resolves with the reply. Aborting gives up waiting; QEMU may still carry the command out.
   *
   * @throws RigError `qmp.command-failed` (QEMU refused; its class and words are the evidence), `qmp.lost`
   */
  async execute(command: string, args?: JsonObject, { signal }: Cancellable = {}): Promise<Json> {
    signal?.throwIfAborted();
    if (this.#lost) throw this.#lost;
    const id = this.#nextId;
    this.#nextId += 1;
    const reply = new Promise<Json>((resolve, reject) => {
      this.#pending.set(id, { command, resolve, reject });
    });
    this.#stream.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}), id })}\n`);
    return abortable(reply, { signal });
  }

  [Symbol.dispose](): void {
    this.#lose('it was closed from this end');
    this.#stream.destroy();
  }

  #receive(text: string): void {
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = this.#parts.join('') + text.slice(start, end);
      this.#parts = [];
      this.#partsLength = 0;
      start = end + 1;
      if (line.trim() !== '') this.#message(line);
    }
    if (start === text.length) return;
    this.#parts.push(text.slice(start));
    this.#partsLength += text.length - start;
    if (this.#partsLength > longestLine) this.#break(`a line of more than ${longestLine} characters came`);
  }

  #message(line: string): void {
    if (this.#lost) return;
    const message = parse(line);
    if (message === undefined) {
      this.#break(`a line came that is no JSON object: ${line.slice(0, 200)}`);
      return;
    }
    if ('QMP' in message) {
      this.#greeted();
      return;
    }
    if (typeof message.event === 'string') {
      this.#listener.event(message.event, isJsonObject(message.data) ? message.data : {});
      return;
    }
    const pending = typeof message.id === 'number' ? this.#pending.get(message.id) : undefined;
    if (pending === undefined) {
      this.#break(`a reply to nothing came: ${line.slice(0, 200)}`);
      return;
    }
    this.#pending.delete(message.id as number);
    if ('error' in message) pending.reject(refused(pending.command, message.error));
    else pending.resolve(message.return ?? {});
  }

  #break(why: string): void {
    this.#lose(why);
    this.#stream.destroy();
  }

  #lose(why: string, cause?: unknown): void {
    if (this.#lost) return;
    const commands = [...this.#pending.values()].map((pending) => pending.command);
    const error = new RigError(`Lost the control connection to QEMU: ${why}`, {
      code: 'qmp.lost',
      blame: 'rig',
      hint: 'QEMU ended or was killed: its last words are in the next error, or in dmesg (out of memory).',
      cause,
      evidence: { pending: commands },
    });
    this.#lost = error;
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) pending.reject(error);
    this.#listener.lost(error);
  }
}

function refused(command: string, error: Json | undefined): RigError {
  const { class: kind = 'unknown', desc = 'no reason given' } = isJsonObject(error) ? error : {};
  return new RigError(`QEMU refused the command ${command}: ${String(desc)}`, {
    code: 'qmp.command-failed',
    blame: 'rig',
    hint: 'Compare the version of QEMU with the one that the board type was made for.',
    evidence: { command, class: kind, desc },
  });
}

function parse(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
