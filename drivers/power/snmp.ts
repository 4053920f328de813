import { z } from 'zod';
import type { Cancellable, PowerState } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { driverOptions } from '../options.js';
import type { SnmpAccess } from './snmp-session.js';
import { type Actuator, SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const oidWanted = 'an object identifier in numbers, such as 1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.3';
const oid = z
  .string({ error: oidWanted })
  .regex(/^\.?[0-2](?:\.\d+)+$/, { error: oidWanted })
  .transform((text) => text.replace(/^\./, ''));

/**
 * Tables of PDUs: the column that takes orders and the one that tells the state, each with the outlet behind it.
 * `apc`: PowerNet-MIB, rPDUOutletControlOutletCommand (immediateOn 1, immediateOff 2) and rPDUOutletStatusOutletState
 * (outletStatusOn 1, outletStatusOff 2). `apc-masterswitch`: sPDUOutletCtl of the same MIB (outletOn 1, outletOff 2), which
 * reads as the state.
 */
const tables = {
  apc: {
    command: '1.3.6.1.4.1.318.1.1.12.3.3.1.1.4',
    state: '1.3.6.1.4.1.318.1.1.12.3.5.1.1.4',
    on: 1,
    off: 2,
  },
  'apc-masterswitch': {
    command: '1.3.6.1.4.1.318.1.1.4.4.2.1.3',
    state: '1.3.6.1.4.1.318.1.1.4.4.2.1.3',
    on: 1,
    off: 2,
  },
} as const;

const options = driverOptions(
  z
    .strictObject({
      host: z.string().min(1).meta({ description: 'Name or address of the PDU.' }),
      port: z.int().min(1).max(65_535).default(161),
      version: z.enum(['1', '2c', '3']).default('2c'),
      community: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Community that may write, for versions 1 and 2c.' }),
      user: z
        .strictObject({
          name: z.string().min(1),
          authentication: z.enum(['md5', 'sha', 'sha256', 'sha512']).default('sha'),
          password: z.string().min(8).optional(),
          privacy: z.enum(['des', 'aes']).default('aes'),
          privacyPassword: z.string().min(8).optional(),
        })
        .optional()
        .meta({ description: 'User of version 3.' }),
      table: z.enum(['apc', 'apc-masterswitch']).optional().meta({ description: 'A table of a known PDU.' }),
      outlet: z
        .int()
        .min(1)
        .max(1_000)
        .optional()
        .meta({ description: 'Number of the outlet in the table.' }),
      oids: z
        .strictObject({
          command: oid,
          on: z.int().default(1),
          off: z.int(),
          state: oid.optional(),
          stateOn: z.int().optional(),
          stateOff: z.int().optional(),
        })
        .optional()
        .meta({ description: 'Any other PDU: the objects of one outlet, and their values.' }),
      ...switchShape,
    })
    .superRefine((value, context) => {
      const wrong = (path: string, message: string) =>
        context.addIssue({ code: 'custom', path: [path], message });
      if ((value.table === undefined) === (value.oids === undefined))
        context.addIssue({ code: 'custom', message: 'either table with outlet, or oids' });
      if ((value.table === undefined) !== (value.outlet === undefined))
        wrong('outlet', 'an outlet with a table, and none with oids');
      if (value.version === '3' ? value.user === undefined : value.community === undefined)
        wrong(
          value.version === '3' ? 'user' : 'community',
          `what SNMP version ${value.version} logs in with`,
        );
    }),
);

type Parsed = ReturnType<typeof options.parse>;

/** An outlet of a PDU that speaks SNMP. */
export const snmpPowerDriver: Driver = {
  name: 'power-snmp',
  roles: ['power'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [deviceOf(options.parse(config))],
  open: async (config, context, cancel) => {
    const parsed = options.parse(config);
    // The library costs 60 ms to load: only who has such a PDU pays.
    const { SnmpObjects } = await import('./snmp-session.js');
    const actuator = new Outlet(parsed, new SnmpObjects(accessOf(parsed)));
    return SwitchDevice.open('power-snmp', { actuator, options: parsed, context, ...cancel });
  },
};

interface Objects {
  get(oid: string, options: Cancellable): Promise<number>;
  set(oid: string, value: number, options: Cancellable): Promise<void>;
}

class Outlet implements Actuator {
  readonly device: string;
  readonly hint =
    'Look whether the outlet number is the one in which the board is, and whether the PDU delays its orders (give a longer timeout).';
  readonly #objects: Objects;
  readonly #ids: ReturnType<typeof outletOf>;
  readonly read?: Actuator['read'];

  constructor(parsed: Parsed, objects: Objects) {
    this.device = deviceOf(parsed);
    this.#objects = objects;
    this.#ids = outletOf(parsed);
    if (this.#ids.state !== undefined) this.read = (cancel) => this.#state(cancel);
  }

  async set(state: 'on' | 'off', cancel: Cancellable): Promise<void> {
    await this.#objects.set(this.#ids.command, this.#ids[state], cancel);
  }

  async #state(cancel: Cancellable): Promise<PowerState> {
    const { state = '', stateOn, stateOff } = this.#ids;
    const value = await this.#objects.get(state, cancel);
    if (value === stateOn) return 'on';
    if (value === stateOff) return 'off';
    throw new RigError(
      `Cannot read the power state: ${this.device} says ${value} at ${state}, expected ${stateOn} (on) or ${stateOff} (off)`,
      {
        code: 'power.unreadable-state',
        blame: 'rig',
        hint: 'Look the values up in the MIB of the PDU, and give them as stateOn and stateOff.',
      },
    );
  }
}

function outletOf({ table, outlet, oids }: Parsed) {
  if (oids) return { ...oids, stateOn: oids.stateOn ?? oids.on, stateOff: oids.stateOff ?? oids.off };
  const { command, state, on, off } = tables[table ?? 'apc'];
  return {
    command: `${command}.${outlet}`,
    state: `${state}.${outlet}`,
    on,
    off,
    stateOn: on,
    stateOff: off,
  };
}

function deviceOf(parsed: Parsed): string {
  const where = `${parsed.host.toLowerCase()}:${parsed.port}`;
  return parsed.oids
    ? `object ${parsed.oids.command} of PDU ${where}`
    : `outlet ${parsed.outlet} of PDU ${where}`;
}

function accessOf(parsed: Parsed): SnmpAccess {
  const { host, port, version, community = '', user, timeout } = parsed;
  return { host, port, version, community, ...(user ? { user } : {}), timeoutMs: timeout };
}
