import { constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { runProgram } from '../rig/lifetime/run-program.js';

/**
 * The two named pipes of a serial line. Not a socket: QEMU's 16550 sends each byte by itself, a unix socket is full after
 * about 280 of them whatever they hold, and a kernel that waits 10 ms for room overwrites what did not fit
 * (`wait_for_xmitr`, drivers/tty/serial/8250). A pipe holds 65,536 (man 7 pipe).
 */
export class SerialPipe {
  /** For `-chardev pipe`: QEMU opens `PATH.in` and `PATH.out`. */
  readonly path: string;
  #input: Socket | undefined;
  #output: Socket | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(folder: string): Promise<SerialPipe> {
    serial += 1;
    const pipe = new SerialPipe(join(folder, `serial${serial}`));
    await runProgram('mkfifo', ['-m', '600', `${pipe.path}.in`, `${pipe.path}.out`]);
    return pipe;
  }

  /**
   * Begins to read and makes `write` possible. Only once QEMU holds its ends: a pipe that nobody writes to is at its end.
   * The names are gone from then on.
   */
  async open(received: (chunk: Buffer) => void): Promise<{ readonly ended: Promise<void> }> {
    const output = new Socket({ fd: this.#end('out', constants.O_RDONLY), readable: true, writable: false });
    this.#output = output;
    this.#input = new Socket({ fd: this.#end('in', constants.O_WRONLY), readable: false, writable: true });
    // A pipe whose other end is gone says so when it is used; the end of QEMU is told by its process.
    for (const socket of [output, this.#input]) socket.on('error', () => {});
    const ended = new Promise<void>((resolve) => {
      output.once('end', resolve);
      output.once('close', resolve);
    });
    output.on('data', received);
    await this.#unlink();
    return { ended };
  }

  /** Resolves when the pipe took the bytes. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const input = this.#input;
      if (!input) {
        reject(new Error('the serial pipe is not open'));
        return;
      }
      // A copy: the caller may use its buffer again, and the guest may read late.
      input.write(Buffer.from(bytes), (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    this.#input?.destroy();
    this.#output?.destroy();
    await this.#unlink();
  }

  #end(name: 'in' | 'out', flags: number): number {
    return openSync(`${this.path}.${name}`, flags | constants.O_NONBLOCK);
  }

  async #unlink(): Promise<void> {
    await rm(`${this.path}.in`, { force: true });
    await rm(`${this.path}.out`, { force: true });
  }
}

/** Names differ between the QEMUs of a board, of which one may still be ending. */
let serial = 0;
