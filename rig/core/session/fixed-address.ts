import type { Address } from '../../contracts/capabilities.js';
import { ownAddressTowards } from '../../lifetime/own-address.js';

/** A board that is always found under one name: `ssh.host` of the lab file. */
export function fixedAddress(host: string): Address {
  return {
    endpoint: async (port) => ({ host, port }),
    hostAddress: () => ownAddressTowards(host),
  };
}
