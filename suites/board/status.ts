import { type Board, RigError, type TestContext } from '../../rig/mod.js';
import {
  defaultRoute,
  type InterfaceAddress,
  parseAddresses,
  parseNameservers,
  parseRoutes,
  type Route,
} from '../facts/network.js';
import { ask, quoted } from '../facts/sections.js';

/** How a board hangs on its network at one moment. */
export interface NetworkStatus {
  readonly route: Route | undefined;
  readonly addresses: readonly InterfaceAddress[];
  readonly nameservers: readonly string[];
}

export async function readStatus(board: Board): Promise<NetworkStatus> {
  const answer = await ask(board.shell, {
    routes: 'cat /proc/net/route',
    addresses: 'ip -4 addr',
    resolver: 'cat /etc/resolv.conf',
  });
  return {
    route: defaultRoute(parseRoutes(answer.routes.text)),
    addresses: parseAddresses(answer.addresses.text),
    nameservers: parseNameservers(answer.resolver.text),
  };
}

/** The interface that leads out, with its addresses that others can reach; ends the test when there is none. */
export function requireUplink(
  t: TestContext,
  { route, addresses }: NetworkStatus,
): { readonly route: Route; readonly own: readonly InterfaceAddress[] } {
  t.require(route, 'there is a default route');
  const own = addresses.filter(
    ({ interface: name, scope }) => name === route.interface && scope === 'global',
  );
  t.require(own.length > 0, `${route.interface} has an address`);
  return { route, own };
}

/** How often the kernel saw the carrier of `name` come or go (Linux, Documentation/ABI/testing/sysfs-class-net). */
export async function readCarrier(
  board: Board,
  name: string,
): Promise<{ readonly isUp: boolean; readonly changes: number }> {
  const folder = `/sys/class/net/${name}`;
  const [state, changes] = (
    await board.shell.text(`cat ${quoted(`${folder}/carrier`)} ${quoted(`${folder}/carrier_changes`)}`)
  ).split('\n');
  return { isUp: state === '1', changes: Number(changes) };
}

/** Whether the board's ssh server answers a stranger at all, which needs both directions of the network. */
export async function isReachable(board: Board, options: { readonly timeoutMs: number }): Promise<boolean> {
  try {
    await board.sshAccepts({ method: 'none' }, options);
    return true;
  } catch (error) {
    if (error instanceof RigError && error.code === 'ssh.no-answer') return false;
    throw error;
  }
}
