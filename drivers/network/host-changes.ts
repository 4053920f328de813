import { z } from 'zod';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { DriverContext } from '../../rig/contracts/driver.js';
import { bootId } from '../../rig/lifetime/host-moment.js';
import { LeftBehindFile } from '../../rig/lifetime/left-behind.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';
import { addressesOf, configure, exists, isUp } from './interface.js';

const country = z.string().regex(/^[A-Z0-9]{2}$/);

const hostChange = z.discriminatedUnion('change', [
  z.object({ change: z.enum(['up', 'down']), interface: z.string() }),
  z.object({ change: z.literal('address'), interface: z.string(), address: z.string() }),
  /** While no interface leads to that network, nothing for it goes another way: the default route would take it out of the house. */
  z.object({ change: z.literal('guard'), network: z.string() }),
  /** A radio whose interface is made an access point, of the mode `managed` before. */
  z.object({ change: z.literal('mode'), interface: z.string(), wasUp: z.boolean() }),
  /** The country whose rules the radios keep, and the one before. */
  z.object({ change: z.literal('country'), to: country, from: country }),
]);

/** One thing that is changed of this host's network, with what is needed to put it back. */
export type HostChange = z.infer<typeof hostChange>;

const noted = z.object({ boot: z.string(), changes: z.array(hostChange) });

/**
 * What a driver changes of this host's network, put back in reverse order at the end. Each change is noted on the disk before it is
 * made, so that the next session puts back what a killed one has left; a boot of the host has done that already.
 */
export class HostChanges implements AsyncDisposable {
  readonly #file: LeftBehindFile;
  readonly #made: HostChange[];
  readonly #queue = new SerialQueue();

  private constructor(file: LeftBehindFile, made: HostChange[]) {
    this.#file = file;
    this.#made = made;
  }

  /** @param device words for what is changed, the same in every session */
  static async open(
    device: string,
    { stateDir, emit }: Pick<DriverContext, 'stateDir' | 'emit'>,
  ): Promise<HostChanges> {
    const file = new LeftBehindFile(stateDir, { what: 'network', device });
    const { data: left } = noted.safeParse(await file.read());
    const changes = new HostChanges(file, left?.boot === bootId() ? left.changes : []);
    if (changes.#made.length === 0) return changes;
    emit({
      kind: 'note',
      name: 'network-left',
      data: `${changes.#made.map(wordsFor).join(', ')}: left by a process that died, and put back`,
    });
    await changes[Symbol.asyncDispose]();
    return changes;
  }

  /** What is so already is not changed, and not put back. */
  make(change: HostChange, options: Cancellable = {}): Promise<void> {
    return this.#queue.run(async () => {
      if (await isSo(change)) return;
      this.#made.push(change);
      await this.#note();
      await carryOut(change, options);
    }, options);
  }

  /** Puts back the changes of one kind, or all, the latest first; what cannot be put back is tried again at the next start. */
  putBack(kind?: HostChange['change'], options: Cancellable = {}): Promise<void> {
    return this.#queue.run(async () => {
      const errors: unknown[] = [];
      for (const change of this.#made.filter((one) => kind === undefined || one.change === kind).reverse()) {
        try {
          await undo(change, options);
          this.#made.splice(this.#made.lastIndexOf(change), 1);
        } catch (error) {
          errors.push(error);
        }
      }
      await this.#note();
      if (errors.length > 1) throw new AggregateError(errors, 'The network of this host is not as it was');
      if (errors.length === 1) throw errors[0];
    }, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.putBack();
  }

  async #note(): Promise<void> {
    if (this.#made.length === 0) await this.#file.clear();
    else await this.#file.write({ boot: bootId(), changes: this.#made.map((change) => ({ ...change })) });
  }
}

async function isSo(change: HostChange): Promise<boolean> {
  if (change.change === 'country') return change.to === change.from;
  if (change.change === 'mode') return false;
  if (change.change === 'guard')
    return (await configure('ip', ['route', 'show', 'exact', change.network, ...guard])).trim() !== '';
  if (change.change === 'address') return (await addressesOf(change.interface)).includes(change.address);
  return isUp(change.interface) === (change.change === 'up');
}

async function carryOut(change: HostChange, options: Cancellable): Promise<void> {
  // hostapd does that by itself.
  if (change.change === 'mode') return;
  if (change.change === 'country') await configure('iw', ['reg', 'set', change.to], options);
  else if (change.change === 'guard')
    await configure('ip', ['route', 'add', 'unreachable', change.network, ...guard], options);
  else if (change.change === 'address')
    await configure('ip', ['address', 'add', change.address, 'dev', change.interface], options);
  else await configure('ip', ['link', 'set', 'dev', change.interface, change.change], options);
}

/** An interface that was unplugged has nothing to put back. */
async function undo(change: HostChange, options: Cancellable): Promise<void> {
  if (change.change === 'country') return carryOut({ ...change, to: change.from }, options);
  if (change.change === 'guard') {
    if (await isSo(change))
      await configure('ip', ['route', 'del', 'unreachable', change.network, ...guard], options);
    return;
  }
  if (!exists(change.interface)) return;
  if (change.change === 'mode') {
    // One that sends cannot change its mode, and one of a killed hostapd still sends.
    await configure('ip', ['link', 'set', 'dev', change.interface, 'down'], options);
    await configure('iw', ['dev', change.interface, 'set', 'type', 'managed'], options);
    if (change.wasUp) await carryOut({ change: 'up', interface: change.interface }, options);
    return;
  }
  if (change.change !== 'address')
    return carryOut({ ...change, change: change.change === 'up' ? 'down' : 'up' }, options);
  if (await isSo(change))
    await configure('ip', ['address', 'del', change.address, 'dev', change.interface], options);
}

/** Behind every other route, and so known for ours. */
const guard = ['metric', '65077'];

function wordsFor(change: HostChange): string {
  if (change.change === 'country') return `the country ${change.to} of the radios`;
  if (change.change === 'address') return `the address ${change.address} of ${change.interface}`;
  if (change.change === 'mode') return `the access point on ${change.interface}`;
  if (change.change === 'guard') return `the guard of ${change.network}`;
  return `${change.interface} ${change.change}`;
}
