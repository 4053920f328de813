import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** As much as the kernel holds of a unix socket (net.core.wmem_default), so that one read empties it. */
const bufferBytes = 256 * 1024;
const bufferCount = 4;

/** A program's output for one who reads much of it: into a few buffers that are used again and again. */
export interface OutputPipe extends Disposable {
  /** For the program: `startChild` closes our end once the program has it. */
  readonly writer: Socket;
  /** To its end. A chunk is gone when the next one is asked for. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Node's own pipe to a child makes a new buffer for every 64 KiB: for an image of gigabytes that is tens of megabytes of
 * garbage, and a third of the time. Only a socket that is made by `connect` reads into given buffers (net: `onread`).
 */
export async function outputPipe(): Promise<OutputPipe> {
  // A folder of our own: nobody else can connect.
  const folder = await mkdtemp(join(socketBase(), 'boardrig-pipe-'));
  const server = createServer({ pauseOnConnect: true });
  try {
    server.listen(join(folder, 'socket'));
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    const reader = new Reader(join(folder, 'socket'));
    const [writer] = (await accepted) as [Socket];
    return {
      writer,
      chunks: reader.chunks(),
      [Symbol.dispose]() {
        writer.destroy();
        reader.destroy();
      },
    };
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The name of a socket has at most 107 bytes (man 7 unix). */
function socketBase(): string {
  return Buffer.byteLength(tmpdir()) > 70 ? '/tmp' : tmpdir();
}

class Reader {
  readonly #socket: Socket;
  readonly #buffers = Array.from({ length: bufferCount }, () => Buffer.allocUnsafeSlow(bufferBytes));
  readonly #ready: Uint8Array[] = [];
  #taken = 0;
  #over = false;
  #wake: () => void = () => {};

  constructor(path: string) {
    this.#socket = connect({
      path,
      onread: {
        buffer: () => this.#buffers[this.#taken++ % bufferCount] as Buffer,
        callback: (bytes, buffer) => {
          this.#ready.push(buffer.subarray(0, bytes));
          this.#wake();
          // One buffer is with the reader, one is being filled.
          return this.#ready.length < bufferCount - 2;
        },
      },
    });
    const over = (): void => {
      this.#over = true;
      this.#wake();
    };
    this.#socket.on('end', over).on('close', over).on('error', over);
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const chunk = this.#ready.shift();
      if (chunk) {
        yield chunk;
        this.#socket.resume();
      } else if (this.#over) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
