import type { AddressInfo } from 'node:net';
import type { HostServices } from '../../contracts/suite.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';

/** Host services of one test; what it opened is closed with it. */
export class TestHostServices implements HostServices, AsyncDisposable {
  readonly #open = new DisposalStack();
  readonly #bindAddress: string;

  /** @param bindAddress loopback for boards on a user-mode network, every interface for those on a wire */
  constructor(bindAddress: string) {
    this.#bindAddress = bindAddress;
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

  async serveUdp(answer: Parameters<HostServices['serveUdp']>[0]): ReturnType<HostServices['serveUdp']> {
    const { createSocket } = await import('node:dgram');
    const socket = createSocket('udp4');
    let received = 0;
    socket.on('message', (datagram, { address, port }) => {
      received += 1;
      const reply = answer(datagram);
      // The asker may be gone by now, as every datagram's may.
      if (reply) socket.send(reply, port, address, () => {});
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, this.#bindAddress, resolve);
    });
    this.#open.defer(() => new Promise<void>((resolve) => socket.close(resolve)));
    return {
      port: socket.address().port,
      get received() {
        return received;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }
}
