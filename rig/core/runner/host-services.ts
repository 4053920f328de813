import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { DerivedImage, HostServices } from '../../contracts/suite.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';

/** Makes another image from the run's, in `folder` where it is for one test alone. */
export type DeriveImage = (
  wanted: DerivedImage,
  options: Cancellable & { readonly folder: string },
) => Promise<Image | undefined>;

/** Host services of one test; what it opened is closed with it. */
export class TestHostServices implements HostServices, AsyncDisposable {
  readonly #open = new DisposalStack();
  readonly #bindAddress: string;
  readonly #derive: DeriveImage;
  readonly #signal: AbortSignal;

  /** @param bindAddress loopback for boards on a user-mode network, every interface for those on a wire */
  constructor(
    bindAddress: string,
    { derive, signal }: { readonly derive: DeriveImage; readonly signal: AbortSignal },
  ) {
    this.#bindAddress = bindAddress;
    this.#derive = derive;
    this.#signal = signal;
  }

  async image(wanted: DerivedImage): Promise<Image | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'boardrig-derived-'));
    this.#open.defer(() => rm(folder, { recursive: true, force: true }));
    return this.#derive(wanted, { folder, signal: this.#signal });
  }

  async serveHttp(body: string): ReturnType<HostServices['serveHttp']> {
    const requests: { path: string; from: string }[] = [];
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => {
      requests.push({ path: request.url ?? '', from: request.socket.remoteAddress ?? '' });
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, this.#bindAddress, resolve);
    });
    this.#open.defer(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    return { port: (server.address() as AddressInfo).port, requests };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }
}
