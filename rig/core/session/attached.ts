import { resolve } from 'node:path';
import type { BoardConfig } from '../../contracts/board.js';
import type {
  Cancellable,
  Capabilities,
  CapabilityName,
  Drive,
  Endpoint,
  ImageFile,
  LineLevel,
  LinkState,
  MuxSide,
  PowerState,
} from '../../contracts/capabilities.js';
import type { DeviceEvent } from '../../contracts/driver.js';
import type { Json } from '../../contracts/errors.js';
import type { BoardSession, ConsoleReader, Holder, SessionConsole } from '../../contracts/session.js';
import type { RestoredSnapshot, SnapshotKey, SnapshotManifest } from '../../contracts/snapshot.js';
import { abortable } from '../../lifetime/abortable.js';
import type { SessionClient, SessionEnd } from './client.js';
import { maxChunkBytes } from './frames.js';
import type { SessionInfo } from './protocol.js';

/** Typed in pieces of this size, each awaited, so that a board that takes no input is felt by who types. */
const typeBytes = 64 * 1024;

/** A session that lives in another process. Disposing it leaves the session and gives a lease back. */
export class AttachedSession implements BoardSession {
  readonly board: BoardConfig;
  readonly drivers: BoardSession['drivers'];
  readonly has: ReadonlySet<CapabilityName>;
  readonly capabilities: Omit<Capabilities, 'console'>;
  readonly console?: SessionConsole;
  readonly #client: SessionClient;

  constructor(client: SessionClient) {
    this.#client = client;
    const { board, drivers, has, gives } = client.info;
    this.board = board;
    this.drivers = drivers;
    this.has = new Set(has);
    this.capabilities = remoteCapabilities(client, new Set(gives));
    if (gives.includes('console')) {
      this.console = {
        write: (bytes, options) => typeAll(client, { bytes, signal: options?.signal }),
        async sendBreak(options) {
          await client.request('console.break', {}, options);
        },
        subscribe: (reader: ConsoleReader, options) => client.subscribe(reader, options?.from ?? 'now'),
      };
    }
  }

  /** Resolves when the session is gone, whatever ended it. */
  get ended(): Promise<SessionEnd> {
    return this.#client.ended;
  }

  /** Who has exclusive use at the moment. */
  get leaseHolder(): Holder | null {
    return this.#client.lease;
  }

  onLease(listener: (holder: Holder | null) => void): Disposable {
    return listen(this.#client.leaseChanges, listener);
  }

  onEvent(listener: (event: DeviceEvent) => void): Disposable {
    return listen(this.#client.events, listener);
  }

  /** What the session says of itself now. */
  async info(options: Cancellable = {}): Promise<SessionInfo> {
    return (await this.#client.request('info', {}, options)) as unknown as SessionInfo;
  }

  /** Exclusive use until disposed. @throws RigError `session.busy` unless it may wait */
  async takeLease(options: Cancellable & { readonly wait?: boolean | undefined } = {}): Promise<void> {
    await this.#client.request('lease', { wait: options.wait === true }, options);
  }

  /** Ends the session; resolves when it is gone. @throws RigError `session.busy` unless forced */
  async stop(options: Cancellable & { readonly force?: boolean | undefined } = {}): Promise<SessionEnd> {
    await this.#client.request('stop', { force: options.force === true }, options);
    return abortable(this.ended, options);
  }

  async cpuSeconds(): Promise<number | undefined> {
    const found = await this.#client.request('cpuSeconds');
    return typeof found === 'number' ? found : undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]();
  }
}

function remoteCapabilities(
  client: SessionClient,
  gives: ReadonlySet<keyof Capabilities>,
): Omit<Capabilities, 'console'> {
  const does =
    (op: string) =>
    async (options?: Cancellable): Promise<void> => {
      await client.request(op, {}, options);
    };
  const asks =
    <T>(op: string) =>
    async (options?: Cancellable): Promise<T> =>
      (await client.request(op, {}, options)) as unknown as T;
  const on = does('power.on');
  const power = { on, off: does('power.off'), state: asks<PowerState>('power.state') };
  const link = { up: does('link.up'), down: does('link.down'), state: asks<LinkState>('link.state') };
  // Both ends see the same files, so the drive's path is true here too.
  const mux: NonNullable<Capabilities['mux']> = {
    side: asks<MuxSide>('mux.side'),
    toRig: asks<Drive>('mux.toRig'),
    async toBoard({ holds, signal } = {}) {
      await client.request('mux.toBoard', holds ? { holds: { ...holds } } : {}, { signal });
    },
  };
  const netboot: NonNullable<Capabilities['netboot']> = {
    async offer(files, options) {
      await client.request('netboot.offer', { ...files }, options);
    },
    withdraw: does('netboot.withdraw'),
  };
  const address: NonNullable<Capabilities['address']> = {
    endpoint: async (port, options) =>
      (await client.request('address.endpoint', { port }, options)) as unknown as Endpoint,
    hostAddress: asks<string>('address.host'),
  };
  return {
    ...(gives.has('power') ? { power } : {}),
    ...(gives.has('reset') ? { reset: { reset: does('reset') } } : {}),
    ...(gives.has('powerButton') ? { powerButton: { press: does('powerButton.press') } } : {}),
    ...(gives.has('bootMode') ? { bootMode: remoteBootMode(client) } : {}),
    ...(gives.has('link') ? { link } : {}),
    ...(gives.has('address') ? { address } : {}),
    ...(gives.has('mux') ? { mux } : {}),
    ...(gives.has('netboot') ? { netboot } : {}),
    ...(gives.has('gpio') ? { gpio: remoteGpio(client) } : {}),
    ...(gives.has('capture') ? { capture: { picture: asks<Uint8Array>('capture.picture') } } : {}),
    ...(gives.has('storage') ? { storage: remoteStorage(client) } : {}),
    ...(gives.has('snapshots') ? { snapshots: remoteSnapshots(client) } : {}),
  };
}

function remoteBootMode(client: SessionClient): NonNullable<Capabilities['bootMode']> {
  return {
    modes: async () => (await client.request('bootMode.modes')) as readonly string[],
    mode: async () => ((await client.request('bootMode.mode')) as string | null) ?? undefined,
    async set(mode, options) {
      await client.request('bootMode.set', { mode }, options);
    },
  };
}

function remoteStorage(client: SessionClient): NonNullable<Capabilities['storage']> {
  return {
    state: () => client.medium ?? { kind: 'unknown' },
    async provision(image, { signal, mediumBytes } = {}) {
      const params: Record<string, Json> = { path: image.path, sha256: image.sha256 };
      if (mediumBytes !== undefined) params.mediumBytes = mediumBytes;
      await client.request('storage.provision', params, { signal });
    },
    async read(offset, length, options) {
      const parts: Uint8Array[] = [];
      for (let from = 0; from < length; from += maxChunkBytes) {
        const params = { offset: offset + from, length: Math.min(maxChunkBytes, length - from) };
        parts.push((await client.request('storage.read', params, options)) as Uint8Array);
      }
      return Buffer.concat(parts);
    },
    async keep(path, options) {
      await client.request('storage.keep', { path }, options);
    },
  };
}

/** Edges come as events of the session, to everybody who is attached. */
function remoteGpio(client: SessionClient): NonNullable<Capabilities['gpio']> {
  const about = async (op: string, line: string, options?: Cancellable): Promise<Json> =>
    client.request(op, { line }, options) as Promise<Json>;
  return {
    lines: async () => (await client.request('gpio.lines')) as readonly string[],
    read: async (line, options) => (await about('gpio.read', line, options)) as LineLevel,
    watch: async (line, options) => void (await about('gpio.watch', line, options)),
    unwatch: async (line, options) => void (await about('gpio.unwatch', line, options)),
  };
}

/** Both ends see the same files: paths cross as they are, made absolute. */
function remoteSnapshots(client: SessionClient): NonNullable<Capabilities['snapshots']> {
  const imageParam = (image: ImageFile | undefined): Record<string, Json> =>
    image ? { image: { path: resolve(image.path), sha256: image.sha256 } } : {};
  return {
    async key({ image, mediumBytes, signal } = {}) {
      const params = { ...imageParam(image), ...(mediumBytes === undefined ? {} : { mediumBytes }) };
      return (await client.request('snapshots.key', params, { signal })) as SnapshotKey;
    },
    async save(dir, options) {
      const saved = await client.request('snapshots.save', { dir: resolve(dir) }, options);
      return saved as unknown as SnapshotManifest;
    },
    async restore(dir, { image, signal } = {}) {
      const params = { dir: resolve(dir), ...imageParam(image) };
      return (await client.request('snapshots.restore', params, { signal })) as unknown as RestoredSnapshot;
    },
  };
}

async function typeAll(
  client: SessionClient,
  { bytes, signal }: { bytes: Uint8Array; signal: AbortSignal | undefined },
): Promise<void> {
  for (let from = 0; from < bytes.length; from += typeBytes) {
    await client.type(bytes.subarray(from, from + typeBytes), signal);
  }
}

function listen<T>(listeners: Set<(value: T) => void>, listener: (value: T) => void): Disposable {
  listeners.add(listener);
  return { [Symbol.dispose]: () => void listeners.delete(listener) };
}
