import type { InterfaceAddress } from './network.js';
import { parseProcesses } from './processes.js';

/** Clients that do nothing but DHCP: one that runs has an address to keep. */
const clients = new Set(['udhcpc', 'dhclient', 'dhcpcd']);

/**
 * Whether an address was leased rather than set by hand. Most clients give it the lease's end (NetworkManager,
 * systemd-networkd, dhcpcd, dhclient); busybox's does not, but does nothing else either.
 */
export function isLeased(own: readonly InterfaceAddress[], processes: string): boolean {
  return (
    own.some(({ isDynamic }) => isDynamic) ||
    parseProcesses(processes).some(({ command }) => clients.has(command))
  );
}
