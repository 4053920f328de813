import type { Address } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import type { Lease } from './leases.js';

export interface LeasedAddressOptions {
  /** Words for where leases come from. */
  readonly where: string;
  leases(): Promise<readonly Lease[]>;
  /** Absent: the board is alone there. */
  isBoard?(lease: Lease): boolean;
  hostAddress(board: string): Promise<string>;
  /** Allowed time until the board has a lease. */
  readonly appearMs: number;
}

/** A board that is found by the lease that it took. */
export function leasedAddress(options: LeasedAddressOptions): Address {
  const find = async (signal: AbortSignal | undefined): Promise<string> => {
    const lease = await pollUntil(async () => only(await options.leases(), options), {
      timeoutMs: options.appearMs,
      everyMs: 100,
      signal,
      what: `the board to take an address from ${options.where}`,
      hint: 'Look whether the board is on, its cable plugged in, and whether its system asks by DHCP.',
    });
    return lease.address;
  };
  return {
    endpoint: async (port, { signal } = {}) => ({ host: await find(signal), port }),
    hostAddress: async ({ signal } = {}) => options.hostAddress(await find(signal)),
  };
}

/** @throws RigError `address.ambiguous` */
function only(leases: readonly Lease[], { isBoard, where }: LeasedAddressOptions): Lease | undefined {
  const [lease, second] = isBoard ? leases.filter(isBoard) : leases;
  if (second === undefined) return lease;
  const all = leases.map(({ mac, address, hostname = 'no name' }) => `${address} (${mac}, ${hostname})`);
  throw new RigError(`Cannot tell which address is the board's: ${where} gave ${all.join(', ')}`, {
    code: 'address.ambiguous',
    blame: 'config',
    hint: 'Give the MAC address of the board as mac in the lab file.',
  });
}
