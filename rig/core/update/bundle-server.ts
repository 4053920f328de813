import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Serves one file over HTTP, whole or in ranges (RFC 9110, 14), to whoever asks; its second half can be held back. */
export class BundleServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #path: string;
  readonly #sizeBytes: number;
  readonly #half = withResolver();
  readonly #rest = withResolver();

  private constructor(path: string, { sizeBytes, hold }: { sizeBytes: number; hold: boolean }) {
    this.#path = path;
    this.#sizeBytes = sizeBytes;
    if (!hold) this.release();
    this.#server = createServer((request, response) => {
      // Who asked is gone, or the file is: either way the board's command tells.
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  /** @param options `hold`: the second half waits for `release` */
  static async open(path: string, options: { bindAddress: string; hold: boolean }): Promise<BundleServer> {
    const { size } = await stat(path);
    const opened = new BundleServer(path, { sizeBytes: size, hold: options.hold });
    await new Promise<void>((resolve, reject) => {
      opened.#server.once('error', reject);
      opened.#server.listen(0, options.bindAddress, resolve);
    });
    return opened;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves when the first half has left. */
  get half(): Promise<void> {
    return this.#half.promise;
  }

  release(): void {
    this.#rest.resolve();
  }

  /** Ends every connection under way; what is asked from now on is served. */
  drop(): void {
    this.#server.closeAllConnections();
    this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve({ method, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const range = rangeOf(headers.range, this.#sizeBytes);
    const { start, end } = range ?? { start: 0, end: this.#sizeBytes };
    response.writeHead(range ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': end - start,
      'accept-ranges': 'bytes',
      ...(range ? { 'content-range': `bytes ${start}-${end - 1}/${this.#sizeBytes}` } : {}),
    });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    const middle = Math.min(Math.max(start, Math.floor(this.#sizeBytes / 2)), end);
    await this.#send(response, { start, end: middle });
    if (middle < end) {
      this.#half.resolve();
      await this.#rest.promise;
    }
    await this.#send(response, { start: middle, end });
    response.end();
  }

  async #send(response: ServerResponse, { start, end }: { start: number; end: number }): Promise<void> {
    if (start >= end) return;
    await pipeline(createReadStream(this.#path, { start, end: end - 1 }), response, { end: false });
  }
}

/** One range of bytes; anything else is answered with the whole, as a server may. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const found = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (!found) return undefined;
  const start = Number(found[1]);
  const end = found[2] ? Math.min(Number(found[2]) + 1, size) : size;
  return start < end ? { start, end } : undefined;
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
