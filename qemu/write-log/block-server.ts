import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { RigError } from '../../rig/contracts/errors.js';
import {
  type SectorSet,
  type ServedView,
  sectorBytes,
  type ViewExtents,
} from '../../rig/contracts/powercut.js';
import { GuestWrites } from './guest-writes.js';
import { type BlockStore, serveNbd } from './nbd-connection.js';
import { SectorBitmap } from './sector-bitmap.js';
import type { ViewFiles } from './view.js';

/** A guest that fills its memory with what it writes is a defect of the test: a boot writes a few megabytes. */
const guestBytes = 1024 * 1024 * 1024;
/** sockaddr_un of Linux has 108 bytes with the zero at the end (unix(7)). */
const longestPath = 107;

export interface ServeOptions {
  readonly extents: ViewExtents;
  readonly socketPath: string;
}

/**
 * Serves a view over NBD, in this process. Many clients may come one after the other (a reset of a virtual x86 board is a new QEMU): what the
 * guest wrote stays until `forget`.
 *
 * @throws RigError `powercut.socket`
 */
export async function serveView(
  files: ViewFiles,
  { extents, socketPath }: ServeOptions,
): Promise<ServedView> {
  if (Buffer.byteLength(socketPath) > longestPath) throw cannotListen(socketPath, 'the path is too long');
  const view = new BlockServer(files, { extents, socketPath });
  await view.listen();
  return view;
}

class BlockServer implements ServedView, BlockStore {
  readonly socketPath: string;
  readonly sizeBytes: number;
  readonly blockBytes = sectorBytes;
  readonly #files: ViewFiles;
  readonly #extents: ViewExtents;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #sessions = new Set<Promise<void>>();
  readonly #read: SectorBitmap;
  readonly #written = new GuestWrites({ maxBytes: guestBytes });

  constructor(files: ViewFiles, { extents, socketPath }: ServeOptions) {
    this.#files = files;
    this.#extents = extents;
    this.socketPath = socketPath;
    this.sizeBytes = files.sizeBytes;
    this.#read = new SectorBitmap(Math.ceil(files.sizeBytes / sectorBytes));
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<void> {
    try {
      const listening = once(this.#server, 'listening');
      this.#server.listen(this.socketPath);
      await listening;
    } catch (cause) {
      throw cannotListen(this.socketPath, (cause as Error).message, cause);
    }
  }

  readSet(): SectorSet {
    return this.#read.toSet();
  }

  writtenSectors(): number {
    return this.#written.sectors;
  }

  forget(): void {
    if (this.#clients.size > 0) throw new Error('a view is still in use');
    this.#read.clear();
    this.#written.clear();
  }

  /** Bytes of the medium as the guest left it; what is read so is not counted as read by the guest. */
  async readSectors(sector: number, sectors: number): Promise<Uint8Array> {
    return this.#bytes(sector, sectors, { note: false });
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#bytes(offset / sectorBytes, length / sectorBytes, { note: true });
  }

  write(offset: number, bytes: Buffer): boolean {
    return this.#written.write(offset / sectorBytes, bytes);
  }

  clear(offset: number, length: number): boolean {
    return this.#written.clearSectors(offset / sectorBytes, length / sectorBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#clients) socket.destroy();
    await Promise.all([closed, ...this.#sessions]);
    await rm(this.socketPath, { force: true });
  }

  async #bytes(sector: number, sectors: number, { note }: { readonly note: boolean }): Promise<Buffer> {
    const target = Buffer.alloc(sectors * sectorBytes);
    for (const stretch of this.#written.stretches(sector, sectors)) {
      const from = (stretch.sector - sector) * sectorBytes;
      const part = target.subarray(from, from + stretch.sectors * sectorBytes);
      if (stretch.bytes) {
        stretch.bytes.copy(part);
        continue;
      }
      if (note) this.#read.add(stretch.sector, stretch.sectors);
      await this.#files.read(this.#extents, { sector: stretch.sector, target: part });
    }
    return target;
  }

  #accept(socket: Socket): void {
    this.#clients.add(socket);
    // A client that was killed: `close` follows.
    socket.on('error', () => {});
    const session = serveNbd(socket, this).finally(() => {
      socket.destroy();
      this.#clients.delete(socket);
      this.#sessions.delete(settled);
    });
    // What fails in a session is the connection's end, and told to the client.
    const settled = session.catch(() => {});
    this.#sessions.add(settled);
  }
}

function cannotListen(socketPath: string, why: string, cause?: unknown): RigError {
  return new RigError(`Cannot serve a medium at ${socketPath}: ${why}`, {
    code: 'powercut.socket',
    blame: 'rig',
    hint: 'The folder for sockets must be writable, and its path short.',
    cause,
  });
}
