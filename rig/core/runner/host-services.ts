import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { Json } from '../../contracts/errors.js';
import type { DerivedImage, HostServices } from '../../contracts/suite.js';
import type { Bundle, WantedBundle } from '../../contracts/update.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import type { Observe } from '../board/observe.js';
import { imageFacts } from './image-facts.js';

export interface HostServicesOptions {
  /** Loopback for boards on a user-mode network, every interface for those on a wire. */
  readonly bindAddress: string;
  readonly observe: Observe;
  readonly onRequest: (request: HostRequest) => void;
  readonly derive: DeriveImage;
  readonly bundle: MakeBundle;
  /** Ends what is under way with the test. */
  readonly signal: AbortSignal;
}

/** A request to the `server`-th server of a test, from 1. */
export interface HostRequest {
  readonly server: number;
  readonly path: string;
  readonly from: string;
}

/** Makes another image from the run's, in `folder` where it is for one test alone. */
export type DeriveImage = (
  wanted: DerivedImage,
  options: Cancellable & { readonly folder: string },
) => Promise<Image | undefined>;

/** Makes an update for the product of the run's image, in `folder` where it is for one test alone. */
export type MakeBundle = (
  wanted: WantedBundle,
  options: Cancellable & { readonly folder: string },
) => Promise<Bundle | undefined>;

/** Host services of one test; what it opened is closed with it. */
export class TestHostServices implements HostServices, AsyncDisposable {
  readonly #open = new DisposalStack();
  readonly #options: HostServicesOptions;
  readonly #requests: { path: string; from: string }[][] = [];

  constructor(options: HostServicesOptions) {
    this.#options = options;
  }

  async image(wanted: DerivedImage): Promise<Image | undefined> {
    const { derive, signal } = this.#options;
    const image = await this.observe(`image with ${JSON.stringify(wanted)}`, async () => {
      const found = await derive(wanted, { folder: await this.#folder(), signal });
      const { sshKeyFile } = found ?? {};
      return found && { ...imageFacts(found), ...(sshKeyFile === undefined ? {} : { sshKeyFile }) };
    });
    return image as Image | undefined;
  }

  async bundle(wanted: WantedBundle): Promise<Bundle | undefined> {
    const { bundle, signal } = this.#options;
    const made = await this.observe(`bundle with ${JSON.stringify(wanted)}`, async () => {
      const found = await bundle(wanted, { folder: await this.#folder(), signal });
      return found && { ...found };
    });
    return made as Bundle | undefined;
  }

  async serveHttp(body: string): ReturnType<HostServices['serveHttp']> {
    const requests: { path: string; from: string }[] = [];
    const server = this.#requests.push(requests);
    const port = await this.observe(servingOf(body), () =>
      this.#listen(body, (request) => this.requested({ server, ...request })),
    );
    return { port, requests };
  }

  async serveUdp(answer: Parameters<HostServices['serveUdp']>[0]): ReturnType<HostServices['serveUdp']> {
    const requests: { path: string; from: string }[] = [];
    const server = this.#requests.push(requests);
    const port = await this.observe('port that answers datagrams', () =>
      this.#answer(answer, (from) => this.requested({ server, path: datagramPath, from })),
    );
    return {
      port,
      get received() {
        return requests.length;
      },
    };
  }

  /** A server was asked: it tells so itself, or the record of a run does. */
  requested({ server, path, from }: HostRequest): void {
    this.#requests[server - 1]?.push({ path, from });
    this.#options.onRequest({ server, path, from });
  }

  observe<T extends Json | undefined>(what: string, look: () => Promise<T>): Promise<T> {
    return this.#options.observe(what, look);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }

  /** For files of the test, gone with it. */
  async #folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'boardrig-derived-'));
    this.#open.defer(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  /** @returns the port */
  async #listen(body: string, asked: (request: Omit<HostRequest, 'server'>) => void): Promise<number> {
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => {
      asked({ path: request.url ?? '', from: request.socket.remoteAddress ?? '' });
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, this.#options.bindAddress, resolve);
    });
    this.#open.defer(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    return (server.address() as AddressInfo).port;
  }

  /** @returns the port */
  async #answer(
    answer: Parameters<HostServices['serveUdp']>[0],
    asked: (from: string) => void,
  ): Promise<number> {
    const { createSocket } = await import('node:dgram');
    const socket = createSocket('udp4');
    socket.on('message', (datagram, { address, port }) => {
      asked(address);
      const reply = answer(datagram);
      // The asker may be gone by now, as every datagram's may.
      if (reply) socket.send(reply, port, address, () => {});
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, this.#options.bindAddress, resolve);
    });
    this.#open.defer(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    return socket.address().port;
  }
}

/** What stands in the record for the path that a datagram has not. */
const datagramPath = 'datagram';

/** What a board got from a server of then says nothing of one that serves something else. */
function servingOf(body: string): string {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return `port that serves ${Buffer.byteLength(body)} bytes over HTTP (sha256 ${hash}…)`;
}
