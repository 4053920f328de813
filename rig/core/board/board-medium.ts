import { open } from 'node:fs/promises';
import type { Image } from '../../contracts/board.js';
import type { Cancellable, Drive, Mux } from '../../contracts/capabilities.js';
import type { MediumWriter } from '../../contracts/medium-writer.js';
import type { Board, BoardMedium } from '../../contracts/suite.js';
import { need } from './absent.js';
import type { Circuit } from './circuit.js';
import { looks } from './observe.js';

/** The medium of a board in use: taken to the rig and back for suites, read for evidence. */
export class MediumControl implements BoardMedium {
  readonly #circuit: Circuit;
  readonly #power: Board['power'];
  readonly #writer: MediumWriter;

  constructor(circuit: Circuit, { power, writer }: { power: Board['power']; writer: MediumWriter }) {
    this.#circuit = circuit;
    this.#power = power;
    this.#writer = writer;
  }

  async atRig<T>(body: (drive: Drive) => Promise<T>): Promise<T> {
    const { capabilities } = this.#circuit.session;
    const mux: Mux = need(capabilities.mux, 'mux', this.#circuit.name);
    if (capabilities.power) await this.#power.off();
    const taken = await mux.toRig(this.#circuit.cancellable());
    const drive = await this.#circuit.observe(looks.drive, async () => ({ ...taken }));
    try {
      return await body(drive);
    } finally {
      // Also when the test is over: the board of the next one has its medium.
      await mux.toBoard();
    }
  }

  write: BoardMedium['write'] = (image, drive, options = {}) =>
    this.#circuit.observe(looks.written(nameOf(image)), async () => ({
      ...(await this.#writer.write(fileOf(image), drive, { ...options, signal: this.#signal(options) })),
    }));

  verify: BoardMedium['verify'] = (image, drive, options = {}) =>
    this.#circuit.observe(looks.verified(nameOf(image)), async () => {
      await this.#writer.verify(fileOf(image), drive, { signal: this.#signal(options) });
      return undefined;
    });

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { storage } = this.#circuit.session.capabilities;
    if (storage) return storage.read(offset, length);
    return this.atRig(async ({ path }) => {
      await using file = await open(path, 'r');
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    });
  }

  async keep(path: string): Promise<void> {
    await need(this.#circuit.session.capabilities.storage, 'storage', this.#circuit.name).keep(path);
  }

  /** The caller's, and the end of the test. */
  #signal({ signal }: Cancellable): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#circuit.signal]) : this.#circuit.signal;
  }
}

/** The same in every run of the same image, wherever it lies. */
function nameOf({ sha256 }: Image): string {
  return `image ${sha256.slice(0, 12)}`;
}

function fileOf({ path, sha256 }: Image): { path: string; sha256: string } {
  return { path, sha256 };
}
