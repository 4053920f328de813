import { z } from 'zod';
import type { Cancellable, Link } from '../../rig/contracts/capabilities.js';
import type { Driver, DriverContext } from '../../rig/contracts/driver.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';
import { driverOptions } from '../options.js';
import { boardNetworkShape } from './board-network.js';
import { assertChannelAllowed } from './channels.js';
import type { HostChanges } from './host-changes.js';
import { type AccessPoint, Hostapd } from './hostapd.js';
import { claimOf, configure, interfaceOption, isUp } from './interface.js';
import { type OpeningNetwork, openNetworkDevice } from './network-device.js';

const printable = (from: number, to: number, what: string) =>
  z.string({ error: what }).regex(new RegExp(`^[\\x20-\\x7e]{${from},${to}}$`), { error: what });

const options = driverOptions(
  z.strictObject({
    interface: interfaceOption,
    ssid: z
      .string()
      .refine((text) => text !== '' && Buffer.byteLength(text) <= 32, { error: 'a name of 1 to 32 bytes' })
      .meta({ description: 'Name of the network.' }),
    security: z.enum(['wpa2', 'wpa3']).default('wpa2'),
    password: printable(8, 63, 'a password of 8 to 63 printable ASCII characters'),
    country: z
      .string()
      .regex(/^[A-Z]{2}$/, { error: 'a country by ISO 3166: DE' })
      .meta({ description: 'Where the radio stands: its rules say which channels may be used.' }),
    channel: z.int().min(1).max(196).default(6),
    ...boardNetworkShape,
  }),
);

type Options = ReturnType<typeof options.parse>;

const countryMs = 5_000;

/** A wifi access point for one board, on a radio of this host, by hostapd. */
export const accessPointDriver: Driver = {
  name: 'network-access-point',
  roles: ['network'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [claimOf(options.parse(config).interface)],
  open: (config, context, { signal } = {}) =>
    openNetworkDevice(
      { driver: 'network-access-point', noun: 'access point', linkOf: openRadio },
      { options: options.parse(config), context, signal },
    ),
};

async function openRadio(network: OpeningNetwork, options: Options): Promise<Link> {
  const { interface: name, changes, context, stack, signal } = network;
  await keepRulesOf(options.country, { changes, signal });
  await assertChannelAllowed(name, { ...options, signal });
  await changes.make({ change: 'mode', interface: name, wasUp: isUp(name) }, { signal });
  const point = new Switched(name, { ...options, folder: context.workDir });
  stack.defer(() => point.down());
  await point.up({ signal });
  return radioLink(point, context.emit);
}

async function keepRulesOf(
  to: string,
  { changes, signal }: { changes: HostChanges } & Cancellable,
): Promise<void> {
  const now = async (): Promise<string> =>
    /^country (\w\w):/m.exec(await configure('iw', ['reg', 'get'], { signal }))?.[1] ?? '00';
  await changes.make({ change: 'country', to, from: await now() }, { signal });
  await pollUntil(async () => (await now()) === to, {
    timeoutMs: countryMs,
    signal,
    what: `the radios of this host to keep the rules of ${to}`,
    hint: 'The kernel reads them from the package wireless-regdb; a radio with rules of its own keeps those.',
  });
}

/** hostapd, there or not. */
class Switched {
  readonly #interface: string;
  readonly #options: AccessPoint;
  readonly #queue = new SerialQueue();
  #running: Hostapd | undefined;

  constructor(name: string, options: AccessPoint) {
    this.#interface = name;
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#running?.isRunning === true;
  }

  up(options: Cancellable = {}): Promise<void> {
    return this.#queue.run(async () => {
      if (this.isUp) return;
      this.#running = await Hostapd.start(this.#interface, { ...this.#options, ...options });
    }, options);
  }

  down(): Promise<void> {
    return this.#queue.run(async () => {
      await this.#running?.[Symbol.asyncDispose]();
      this.#running = undefined;
    });
  }
}

/** Without its access point the board has no network, as with its cable pulled. */
function radioLink(point: Switched, emit: DriverContext['emit']): Link {
  return {
    state: async () => (point.isUp ? 'up' : 'down'),
    down: async () => {
      if (!point.isUp) return;
      await point.down();
      emit({ kind: 'link', state: 'down' });
    },
    up: async (cancel) => {
      if (point.isUp) return;
      await point.up(cancel);
      emit({ kind: 'link', state: 'up' });
    },
  };
}
