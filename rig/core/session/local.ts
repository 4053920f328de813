import { mkdirSync, rmSync } from 'node:fs';
import type { BoardConfig } from '../../contracts/board.js';
import type { Cancellable, Capabilities, CapabilityName } from '../../contracts/capabilities.js';
import type { Device, DeviceEvent } from '../../contracts/driver.js';
import { messageOf, RigError } from '../../contracts/errors.js';
import type { BoardSession, Holder, SessionConsole } from '../../contracts/session.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { type OpenDevices, type OpenParts, openParts } from './assemble.js';
import type { ConsoleHub } from './console-hub.js';
import { type BoardPlaces, boardPlaces, type SessionRoots, sessionRoots } from './directory.js';
import { busyError } from './holder.js';
import { acquireBoard } from './lock.js';
import { capabilitiesOf } from './merge.js';
import type { SessionInfo } from './protocol.js';
import { type ServedSession, SessionServer, sessionAnswers } from './server.js';

export interface LocalOptions extends Cancellable {
  readonly holder: Holder;
  readonly openDevices: OpenDevices;
  /** Values that must not stand in the session's own console log. */
  readonly secrets?: readonly string[] | undefined;
  readonly roots?: SessionRoots | undefined;
  readonly wait?: boolean | undefined;
  readonly onWait?: ((holder: Holder | undefined) => void) | undefined;
  readonly kind?: SessionInfo['kind'] | undefined;
  readonly idleMs?: number | undefined;
  /** This process itself has exclusive use: other processes may only look on. */
  readonly exclusive?: boolean | undefined;
  /** A client asked for the end; default: this process is told SIGTERM, as by any other who wants it to end. */
  readonly onStop?: ((reason: string) => void) | undefined;
  readonly onClients?: ((count: number) => void) | undefined;
}

/** The session of a board whose devices this process holds. Others attach to it while it lasts. */
export class LocalSession implements ServedSession {
  readonly board: BoardConfig;
  readonly drivers: BoardSession['drivers'];
  readonly has: ReadonlySet<CapabilityName>;
  readonly capabilities: Omit<Capabilities, 'console'>;
  readonly console?: SessionConsole;
  readonly hub: ConsoleHub | undefined;
  /** Who had the board before and died without ending its session. */
  readonly recovered: Holder | undefined;
  readonly #devices: readonly Device[];
  readonly #listeners: Set<(event: DeviceEvent) => void>;
  readonly #end: () => Promise<void>;
  #disposed: Promise<void> | undefined;

  private constructor(
    board: BoardConfig,
    { recovered, end, ...parts }: OpenParts & { recovered: Holder | undefined; end: () => Promise<void> },
  ) {
    const { console: _, ...capabilities } = parts.capabilities;
    this.board = board;
    this.#devices = parts.devices;
    this.drivers = parts.devices.map(({ driver }) => driver);
    this.has = capabilitiesOf(board, parts.capabilities);
    this.capabilities = capabilities;
    this.#listeners = parts.listeners;
    this.recovered = recovered;
    this.#end = end;
    const { line } = parts;
    if (line) {
      this.hub = line.hub;
      this.console = {
        write: line.write,
        sendBreak: line.sendBreak,
        subscribe: (reader, options) => line.hub.subscribe(reader, options),
      };
    }
  }

  /**
   * Takes the board, opens its devices and its console, and lets others attach.
   *
   * @throws RigError `session.busy`, `board.capability-missing`, what a driver throws; the signal's reason. Nothing is
   *   left of the attempt.
   */
  static async open(board: BoardConfig, options: LocalOptions): Promise<LocalSession> {
    const roots = options.roots ?? sessionRoots();
    const places = boardPlaces(board.name, roots);
    const stack = new DisposalStack();
    let server: SessionServer | undefined;
    try {
      const lock = stack.use(await acquireBoard(board.name, options.holder, options));
      // Before its work folder is touched: a session in another network namespace does not share our lock's name.
      if (await sessionAnswers(places.socket)) throw busyError(board.name, undefined);
      cleanWork(places);
      stack.defer(() => rmSync(places.work, { recursive: true, force: true }));
      server = stack.use(
        await SessionServer.listen(places.socket, {
          board: board.name,
          holder: options.holder,
          kind: options.kind ?? 'run',
          idleMs: options.idleMs,
          onStop: options.onStop ?? (() => void process.kill(process.pid, 'SIGTERM')),
          ...(options.onClients ? { onClients: options.onClients } : {}),
        }),
      );
      if (options.exclusive) {
        const signal = new AbortController().signal;
        await server.lease.take(server, { holder: options.holder, wait: false, signal });
      }
      const { openDevices, signal, secrets = [] } = options;
      const serving = server;
      const devices = new DisposalStack();
      stack.defer(async () => {
        try {
          await devices[Symbol.asyncDispose]();
        } catch (error) {
          const failure = teardownError(board, error);
          serving.failed(failure);
          throw failure;
        }
      });
      const parts = await openParts(board, { openDevices, places, stack: devices, secrets, signal });
      devices.defer(() => serving.stopServing('it was asked to end'));
      const end = (): Promise<void> => endAll(board, stack);
      const session = new LocalSession(board, { ...parts, recovered: lock.recovered, end });
      server.serve(session);
      return session;
    } catch (error) {
      server?.fail(error);
      throw await firstCause(error, stack);
    }
  }

  onEvent(listener: (event: DeviceEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async cpuSeconds(): Promise<number | undefined> {
    const spent = this.#devices.map((device) => device.cpuSeconds?.()).filter((each) => each !== undefined);
    return spent.length === 0 ? undefined : spent.reduce((sum, each) => sum + each, 0);
  }

  /** Powers the board off and gives everything back. @throws RigError `session.teardown` with every error */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#end();
    return this.#disposed;
  }
}

function cleanWork(places: BoardPlaces): void {
  rmSync(places.work, { recursive: true, force: true });
  mkdirSync(places.work, { mode: 0o700 });
}

/** Undoes a half-open session. The first cause wins; what could not be undone is said behind it. */
async function firstCause(cause: unknown, stack: DisposalStack): Promise<unknown> {
  try {
    await stack[Symbol.asyncDispose]();
    return cause;
  } catch (error) {
    if (!(cause instanceof RigError)) return new AggregateError([cause, error], messageOf(cause));
    const { code, blame, hint, evidence } = cause;
    return new RigError(`${cause.message}; and then it could not be undone: ${messageOf(error)}`, {
      code: code as `${string}.${string}`,
      blame,
      hint,
      evidence,
      cause: new AggregateError([cause, error], 'start and its undoing'),
    });
  }
}

async function endAll(board: BoardConfig, stack: DisposalStack): Promise<void> {
  try {
    await stack[Symbol.asyncDispose]();
  } catch (error) {
    throw teardownError(board, error);
  }
}

function teardownError(board: BoardConfig, error: unknown): RigError {
  if (error instanceof RigError) return error;
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  const told = errors.map(messageOf);
  return new RigError(`Cannot end the session of board "${board.name}" cleanly: ${told.join('; ')}`, {
    code: 'session.teardown',
    blame: 'rig',
    hint: 'Check that the board is off. The next session starts by putting right what this one left.',
    cause: error,
  });
}
