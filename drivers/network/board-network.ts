import { z } from 'zod';
import type { Address, Cancellable } from '../../rig/contracts/capabilities.js';
import type { DriverContext } from '../../rig/contracts/driver.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { boardMac } from './board-mac.js';
import { DhcpServer } from './dhcp-server.js';
import type { HostChanges } from './host-changes.js';
import { assertNetworkFree } from './interface.js';
import { hostNetwork, networkOf } from './ipv4.js';
import { leasedAddress } from './leased-address.js';

/** Options of every network that the rig makes for one board. */
export const boardNetworkShape = {
  address: hostNetwork.default('192.168.77.1/24'),
  mac: boardMac.optional(),
  appear: duration
    .default(60_000)
    .meta({ description: 'Allowed time until the board has taken an address, from when it is wanted.' }),
};

const shape = z.object(boardNetworkShape);
export type BoardNetworkOptions = z.output<typeof shape>;

export interface BoardNetworkParts extends Cancellable {
  readonly interface: string;
  readonly options: BoardNetworkOptions;
  readonly changes: HostChanges;
  readonly context: Pick<DriverContext, 'workDir'>;
}

/** A network of this host with one board in it: the host has an address there, and a DHCP server gives the board its own. */
export async function openBoardNetwork({
  interface: name,
  options,
  changes,
  context,
  signal,
}: BoardNetworkParts): Promise<{ readonly address: Address } & AsyncDisposable> {
  const network = networkOf(options.address);
  if (!network) throw new Error(`${options.address} was not validated`);
  await assertNetworkFree(options.address, name);
  await changes.make({ change: 'guard', network: network.whole }, { signal });
  await changes.make({ change: 'address', interface: name, address: options.address }, { signal });
  await changes.make({ change: 'up', interface: name }, { signal });
  const server = await DhcpServer.start({ interface: name, network, folder: context.workDir, signal });
  const { mac } = options;
  return {
    address: leasedAddress({
      where: `the DHCP server at ${name}`,
      leases: () => server.leases(),
      ...(mac === undefined ? {} : { isBoard: (lease) => lease.mac === mac }),
      hostAddress: async () => network.host,
      appearMs: options.appear,
    }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
