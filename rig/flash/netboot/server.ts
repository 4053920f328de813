import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Of the block maps that flashers go by. */
const blockBytes = 4096;

interface Served {
  readonly disk: FileHandle;
  /** Where in `disk` lies the image that the flasher installs. */
  readonly image: { readonly startBytes: number; readonly sizeBytes: number };
  /** A tar of what else the flasher reads. */
  readonly archive: string;
}

/**
 * What a flasher that was booted from the network asks for over HTTP: `/files.tar`, and `/blocks/FIRST/COUNT` of the image.
 * (busybox's wget takes no part of a file that it did not begin.)
 */
export class FlasherServer implements AsyncDisposable {
  readonly #served: Served;
  readonly #server: Server;

  private constructor(served: Served) {
    this.#served = served;
    this.#server = createServer((request, response) => {
      // Who asked is gone, or the file is: either way the flasher tells.
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async open(served: Served, { bindAddress }: { bindAddress: string }): Promise<FlasherServer> {
    const opened = new FlasherServer(served);
    await new Promise<void>((resolve, reject) => {
      opened.#server.once('error', reject);
      opened.#server.listen(0, bindAddress, resolve);
    });
    return opened;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url === '/files.tar') return send(response, createReadStream(this.#served.archive));
    const range = this.#bytesOf(url);
    if (!range) {
      response.writeHead(404).end();
      return;
    }
    // By its number: each stream of a FileHandle leaves a listener with it.
    const blocks = createReadStream('', { fd: this.#served.disk.fd, autoClose: false, ...range });
    await send(response, blocks, range.end - range.start + 1);
  }

  /** Bytes of the disk, both ends included; undefined for anything but whole blocks of the image. */
  #bytesOf(url: string): { readonly start: number; readonly end: number } | undefined {
    const [, first, count] = /^\/blocks\/(\d{1,10})\/(\d{1,10})$/.exec(url) ?? [];
    if (first === undefined || count === undefined || Number(count) === 0) return undefined;
    const { startBytes, sizeBytes } = this.#served.image;
    const start = Number(first) * blockBytes;
    const end = start + Number(count) * blockBytes;
    return end > sizeBytes ? undefined : { start: startBytes + start, end: startBytes + end - 1 };
  }
}

async function send(response: ServerResponse, body: Readable, bytes?: number): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    ...(bytes === undefined ? {} : { 'content-length': bytes }),
  });
  await pipeline(body, response);
}
