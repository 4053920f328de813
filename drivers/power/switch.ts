import { packageVersion } from '../../rig/config/package.js';
import type { Cancellable, Capabilities, Power, PowerState } from '../../rig/contracts/capabilities.js';
import type { Device, DriverContext } from '../../rig/contracts/driver.js';
import { type Json, RigError } from '../../rig/contracts/errors.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { hostMoment, msSince } from '../../rig/lifetime/host-moment.js';
import { LeftBehindFile } from '../../rig/lifetime/left-behind.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';

/** What differs from one kind of switch to the next. */
export interface Actuator {
  /** Words for the switch, the same in every session: `outlet 3 of pdu:161`. No secrets. */
  readonly device: string;
  /** What to try when the state does not follow an order. */
  readonly hint: string;
  /** Gives the order once. With `read`, it is given only when the state is another. */
  set(state: 'on' | 'off', options: Cancellable): Promise<void>;
  /** An order that ended well was carried out, and need not be given again: a person confirmed it. */
  readonly certain?: boolean;
  /** Absent: the device cannot tell, and the last order counts. */
  read?(options: Cancellable): Promise<PowerState>;
  close?(): Promise<void>;
}

export interface SwitchOptions {
  readonly timeout: number;
  readonly settle: number;
  readonly offReads: number;
}

const readEveryMs = 100;

/**
 * What every power switch does the same: never an order where the state is right already, off believed only after several
 * reads, the shortest time off kept over processes, and a note on the disk while the board may have power, so that the next
 * session takes it off if this process is killed.
 */
export class SwitchDevice implements Device {
  readonly driver: Device['driver'];
  readonly capabilities: Pick<Capabilities, 'power' | 'powerButton'>;
  readonly #actuator: Actuator;
  readonly #options: SwitchOptions;
  readonly #emit: DriverContext['emit'];
  readonly #left: LeftBehindFile;
  readonly #queue = new SerialQueue();
  /** What the last order that ended well made of it. */
  #tracked: PowerState = 'unknown';
  #closed = false;
  #disposed: Promise<void> | undefined;

  private constructor(name: string, parts: SwitchParts) {
    this.driver = { name, version: packageVersion() };
    this.#actuator = parts.actuator;
    this.#options = parts.options;
    this.#emit = parts.context.emit;
    this.#left = new LeftBehindFile(parts.context.stateDir, { what: 'power', device: parts.actuator.device });
    const power: Power = {
      on: (cancel) => this.#queue.run(() => this.#switch('on', cancel), cancel),
      off: (cancel) => this.#queue.run(() => this.#switch('off', cancel), cancel),
      state: (cancel) => this.#queue.run(() => this.#state(cancel), cancel),
    };
    this.capabilities = { power, ...parts.more?.((act) => this.#queue.run(act)) };
  }

  /** Opens the switch; a board that a killed process left on is switched off first. */
  static async open(name: string, parts: SwitchParts & Cancellable): Promise<SwitchDevice> {
    const device = new SwitchDevice(name, parts);
    const left = await device.#left.read();
    if (stateOf(left) !== 'on') return device;
    parts.context.emit({
      kind: 'note',
      name: 'left-on',
      data: `${parts.actuator.device} was left on by a process that died; it is switched off`,
    });
    await device.#queue.run(() => device.#switch('off', { signal: parts.signal }));
    return device;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#disposed ??= this.#queue.run(async () => {
      try {
        if (this.#tracked !== 'off') await this.#switch('off', {});
      } finally {
        await this.#actuator.close?.();
      }
    });
    return this.#disposed;
  }

  async #switch(wanted: 'on' | 'off', { signal }: Cancellable = {}): Promise<void> {
    if (this.#closed && wanted === 'on') throw closedError();
    const before = this.#tracked;
    // An order may stand for a push of a button: never push where the state is right already.
    if (await this.#is(wanted, { signal })) {
      if (wanted === 'off') await this.#noteOff();
      this.#tracked = wanted;
      return;
    }
    if (wanted === 'on') {
      await this.#rest({ signal });
      await this.#left.write({ power: 'on' });
    }
    // Until the order is carried out, nobody knows.
    this.#tracked = 'unknown';
    await this.#actuator.set(wanted, { signal });
    await this.#follow(wanted, { signal });
    if (wanted === 'off') await this.#noteOff({ now: true });
    this.#tracked = wanted;
    // Without a state to read the same order is given again, in case it was lost; that is no news.
    if (this.#actuator.read || before !== wanted) this.#emit({ kind: 'power', state: wanted, cause: 'rig' });
  }

  /** Whether the device itself says so; off must be said several times running, since a sense line flutters. */
  async #is(wanted: 'on' | 'off', options: Cancellable): Promise<boolean> {
    if (!this.#actuator.read) return this.#actuator.certain === true && this.#tracked === wanted;
    const reads = wanted === 'off' ? this.#options.offReads : 1;
    for (let read = 1; read <= reads; read += 1) {
      if (read > 1) await pause(readEveryMs, options);
      if ((await this.#state(options)) !== wanted) return false;
    }
    return true;
  }

  async #follow(wanted: 'on' | 'off', { signal }: Cancellable): Promise<void> {
    if (!this.#actuator.read) return;
    const { timeout, offReads } = this.#options;
    let agreed = 0;
    await pollUntil(
      async () => {
        agreed = (await this.#state({ signal })) === wanted ? agreed + 1 : 0;
        return agreed >= (wanted === 'off' ? offReads : 1);
      },
      {
        timeoutMs: timeout,
        everyMs: readEveryMs,
        signal,
        what: `${this.#actuator.device} to say ${wanted}${wanted === 'off' && offReads > 1 ? ` ${offReads} times running` : ''} after it was ordered to`,
        hint: this.#actuator.hint,
      },
    );
  }

  /** The board's capacitors drain: what is powered on too early has never been off. */
  async #rest(options: Cancellable): Promise<void> {
    const since = offSince(await this.#left.read());
    const restMs = since === undefined ? 0 : this.#options.settle - msSince(since);
    if (restMs > 0) await pause(restMs, options);
  }

  async #noteOff({ now = false } = {}): Promise<void> {
    const since = now ? undefined : offSince(await this.#left.read());
    if (since === undefined) await this.#left.write({ power: 'off', since: hostMoment() });
  }

  async #state(options: Cancellable = {}): Promise<PowerState> {
    return this.#actuator.read ? this.#actuator.read(options) : this.#tracked;
  }
}

export interface SwitchParts {
  readonly actuator: Actuator;
  readonly options: SwitchOptions;
  readonly context: DriverContext;
  /** Further capabilities; what they do is carried out between orders of the switch. */
  readonly more?: (between: <T>(act: () => Promise<T>) => Promise<T>) => Pick<Capabilities, 'powerButton'>;
}

function stateOf(left: Json | undefined): unknown {
  return (left as { power?: unknown } | undefined)?.power;
}

function offSince(left: Json | undefined): { boot: string; ms: number } | undefined {
  const since = (left as { since?: { boot?: unknown; ms?: unknown } } | undefined)?.since;
  return typeof since?.boot === 'string' && typeof since.ms === 'number'
    ? { boot: since.boot, ms: since.ms }
    : undefined;
}

function closedError(): RigError {
  return new RigError('Cannot switch the power on: the board was closed', {
    code: 'power.closed',
    blame: 'rig',
    hint: 'The session that held the board has ended; start it again.',
  });
}
