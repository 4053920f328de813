import type { BoardConfig } from '../../contracts/board.js';
import type { Cancellable, Capabilities, ConsoleLine } from '../../contracts/capabilities.js';
import type { Device, DeviceEvent, DriverContext } from '../../contracts/driver.js';
import { RigError } from '../../contracts/errors.js';
import type { SessionConsole } from '../../contracts/session.js';
import type { DisposalStack } from '../../lifetime/disposal-stack.js';
import { SecretMask } from '../../record/secrets.js';
import { ConsoleHub } from './console-hub.js';
import { ConsoleLog } from './console-log.js';
import type { BoardPlaces } from './directory.js';
import { sessionEnded } from './ended.js';
import { interlocked } from './interlock.js';
import { assertPromisesKept, capabilitiesOf, mergeCapabilities } from './merge.js';

/** Opens the drivers of a board: all, or none and an error. The command line composes it from its registry. */
export type OpenDevices = (
  board: BoardConfig,
  context: DriverContext,
  options: Cancellable,
) => Promise<readonly Device[]>;

/** The console line of a session: everything that came, and a way to type. */
export interface HubLine {
  readonly hub: ConsoleHub;
  readonly write: SessionConsole['write'];
  readonly sendBreak: SessionConsole['sendBreak'];
}

/** What a session in this process is made of. */
export interface OpenParts {
  readonly devices: readonly Device[];
  readonly capabilities: Capabilities;
  readonly listeners: Set<(event: DeviceEvent) => void>;
  readonly line: HubLine | undefined;
}

/** Time for the board to power off when the session ends; after it the devices are ended all the same. */
const powerOffMs = 30_000;

/**
 * Opens the devices and the console of a board; what ends them goes on `stack`, the board's power-off last, so first.
 *
 * @throws RigError `board.capability-missing`, `board.capability-twice`, what a driver throws; the signal's reason
 */
export async function openParts(
  board: BoardConfig,
  {
    openDevices,
    places,
    stack,
    secrets,
    signal,
  }: Cancellable & {
    openDevices: OpenDevices;
    places: BoardPlaces;
    stack: DisposalStack;
    secrets: readonly string[];
  },
): Promise<OpenParts> {
  const listeners = new Set<(event: DeviceEvent) => void>();
  const emit = (event: DeviceEvent): void => {
    for (const listener of [...listeners]) listener(event);
  };
  const context = { board, workDir: places.work, stateDir: places.deviceState, emit };
  const devices = await openDevices(board, context, { signal });
  for (const device of devices) stack.use(device);
  const capabilities = interlocked(board, mergeCapabilities(board, devices));
  assertPromisesKept(board, capabilitiesOf(board, capabilities));
  const line = capabilities.console
    ? await openConsole(capabilities.console, { board: board.name, places, stack, emit, secrets, signal })
    : undefined;
  const { power } = capabilities;
  if (power) stack.defer(() => power.off({ signal: AbortSignal.timeout(powerOffMs) }));
  return { devices, capabilities, listeners, line };
}

async function openConsole(
  port: NonNullable<Capabilities['console']>,
  {
    board,
    places,
    stack,
    emit,
    secrets,
    signal,
  }: Cancellable & {
    board: string;
    secrets: readonly string[];
    places: BoardPlaces;
    stack: DisposalStack;
    emit: (event: DeviceEvent) => void;
  },
): Promise<HubLine> {
  const hub = new ConsoleHub();
  const log = new ConsoleLog(places.consoleLog, {
    mask: new SecretMask(secrets),
    failed: (error) =>
      emit({ kind: 'note', name: 'console-log-failed', data: error instanceof Error ? error.message : '' }),
  });
  stack.defer(() => log[Symbol.dispose]());
  let ended = false;
  const sink = {
    data(chunk: Uint8Array): void {
      log.append(chunk);
      hub.received(chunk);
    },
    lost: (error: RigError): void => hub.lost(error),
  };
  const line: ConsoleLine = await port.open(sink, { signal });
  stack.defer(async () => {
    ended = true;
    await line[Symbol.asyncDispose]();
  });
  return {
    hub,
    write: async (bytes, options) => {
      if (ended) throw sessionEnded(board, 'its console is closed');
      await line.write(bytes, options);
    },
    sendBreak: async (options) => {
      if (ended) throw sessionEnded(board, 'its console is closed');
      if (!line.sendBreak) throw noBreak(board);
      await line.sendBreak(options);
    },
  };
}

function noBreak(board: string): RigError {
  return new RigError(`Cannot send a BREAK to "${board}": the driver of its console has none`, {
    code: 'console.no-break',
    blame: 'config',
    hint: 'The driver console-serial and virtual boards have it.',
  });
}
