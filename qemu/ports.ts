import type { Address, Cancellable, Endpoint } from '../rig/contracts/capabilities.js';
import type { Json } from '../rig/contracts/errors.js';
import { RigError } from '../rig/contracts/errors.js';
import { netdevId } from './command-line.js';

/** Forwards go to this host alone. */
export const forwardHost = '127.0.0.1';

/** Where a guest of QEMU's user-mode network finds its host (QEMU's manual, "Network emulation"). */
const hostAddressInGuest = '10.0.2.2';

/** `human-monitor-command` on a running QEMU: forwards have no QMP command of their own. */
export type HumanMonitor = (line: string, options: Cancellable) => Promise<Json>;

export interface ForwardOptions extends Cancellable {
  /** Guest ports to reach. */
  readonly guestPorts: readonly number[];
  /** Host ports to take again if they are free: those of the board's last power-on. */
  readonly preferred: ReadonlyMap<number, number>;
}

/**
 * Opens a forward for each guest port and tells the host port of each. QEMU itself binds port 0, and we ask which one it
 * got: nobody can take a port between its choice and its use.
 *
 * @throws RigError `qemu.cannot-forward`
 */
export async function forwardPorts(
  monitor: HumanMonitor,
  { guestPorts, preferred, signal }: ForwardOptions,
): Promise<ReadonlyMap<number, number>> {
  for (const guestPort of guestPorts) {
    const wishes = [preferred.get(guestPort), 0].filter((port) => port !== undefined);
    let answer = '';
    for (const hostPort of wishes) {
      const line = `hostfwd_add ${netdevId} tcp:${forwardHost}:${hostPort}-:${guestPort}`;
      answer = String(await monitor(line, { signal })).trim();
      if (answer === '') break;
    }
    if (answer !== '') throw cannotForward(guestPort, answer);
  }
  const table = String(await monitor('info usernet', { signal }));
  const found = parseForwards(table);
  for (const guestPort of guestPorts)
    if (!found.has(guestPort)) throw cannotForward(guestPort, `it is not in the table:\n${table}`);
  return found;
}

/** Host ports by guest port, from the table of `info usernet`. */
export function parseForwards(table: string): ReadonlyMap<number, number> {
  const rows = table.matchAll(/TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/g);
  return new Map([...rows].map(([, hostPort, guestPort]) => [Number(guestPort), Number(hostPort)]));
}

/** How a board with user-mode network and its host find each other; `forwards`: those of its last power-on. */
export function addressOf(
  board: string,
  { mapped, forwards }: { mapped: readonly number[]; forwards: () => ReadonlyMap<number, number> },
): Address {
  return {
    endpoint: async (port) => endpointOf(port, { board, mapped, forwards: forwards() }),
    hostAddress: async () => hostAddressInGuest,
  };
}

/** @throws RigError `address.unreachable-port`, `address.board-off` when the board was never on */
function endpointOf(
  guestPort: number,
  {
    board,
    mapped,
    forwards,
  }: { board: string; mapped: readonly number[]; forwards: ReadonlyMap<number, number> },
): Endpoint {
  if (!mapped.includes(guestPort)) {
    throw new RigError(
      `Nothing maps TCP port ${guestPort} of board "${board}"; mapped are: ${mapped.join(', ') || 'none'}`,
      {
        code: 'address.unreachable-port',
        blame: 'config',
        hint: 'Add the port to `forward` of the board type.',
        evidence: { port: guestPort, mapped },
      },
    );
  }
  const port = forwards.get(guestPort);
  if (port === undefined) {
    throw new RigError(`Board "${board}" has no address yet: it was never powered on in this session`, {
      code: 'address.board-off',
      blame: 'suite',
      hint: `Power it on first: rig power ${board} on`,
    });
  }
  return { host: forwardHost, port };
}

function cannotForward(guestPort: number, answer: string): RigError {
  return new RigError(`QEMU cannot forward a port of this host to the board's port ${guestPort}: ${answer}`, {
    code: 'qemu.cannot-forward',
    blame: 'rig',
    hint: 'See whether any free port is left: ss -ltn',
    evidence: { guestPort, answer },
  });
}
