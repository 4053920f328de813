import { z } from 'zod';
import { packageVersion } from '../../rig/config/package.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { ownAddressTowards } from '../../rig/lifetime/own-address.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { driverOptions } from '../options.js';
import { boardMac } from './board-mac.js';
import { leasedAddress } from './leased-address.js';
import { readLeases } from './leases.js';

const options = driverOptions(
  z.strictObject({
    mac: boardMac,
    file: z
      .string()
      .regex(/^\//, { error: 'the path of a file of leases, such as /var/lib/misc/dnsmasq.leases' })
      .default('/var/lib/misc/dnsmasq.leases')
      .meta({
        description: "Where the DHCP server of this host keeps its leases: dnsmasq's file or ISC dhcpd's.",
      }),
    appear: duration.default(60_000).meta({ description: 'Allowed time until the board has a lease.' }),
  }),
);

/** A board that is found in the leases of a DHCP server which runs on this host anyway. It changes nothing and needs no root. */
export const leaseAddressDriver: Driver = {
  name: 'address-lease',
  roles: ['address'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [`the leases of ${options.parse(config).mac}`],
  open: async (config) => {
    const { mac, file, appear } = options.parse(config);
    return {
      driver: { name: 'address-lease', version: packageVersion() },
      capabilities: {
        address: leasedAddress({
          where: `the DHCP server of ${file}`,
          leases: () => readLeases(file),
          isBoard: (lease) => lease.mac === mac,
          hostAddress: ownAddressTowards,
          appearMs: appear,
        }),
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
};
