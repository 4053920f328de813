import { rm } from 'node:fs/promises';
import type { MachineSpec } from '../rig/contracts/board.js';
import type { Cancellable, Capabilities, LinkState, PowerState } from '../rig/contracts/capabilities.js';
import type { Device, DriverContext } from '../rig/contracts/driver.js';
import type { RigError } from '../rig/contracts/errors.js';
import { SerialQueue } from '../rig/lifetime/serial-queue.js';
import type { Accelerator } from './accelerator.js';
import type { MachineParts } from './command-line.js';
import { pictureOf } from './display.js';
import { VirtualGpio } from './gpio.js';
import { type Identity, identityOf } from './identity.js';
import { setLink } from './link.js';
import type { Machine } from './machine.js';
import { Media } from './media.js';
import { addressOf, forwardPorts } from './ports.js';
import { boardClosed, boardOff, boardOn } from './refusals.js';
import { canBeSaved, VirtualSnapshots } from './snapshots.js';
import { environmentFlashIn, type StartMachineOptions, startMachine } from './start-machine.js';
import { VirtualConsole } from './virtual-console.js';

export interface VirtualBoardOptions extends Pick<MachineParts, 'wire'> {
  readonly spec: MachineSpec;
  readonly accelerator: Accelerator;
  readonly context: DriverContext;
  readonly version: string;
}

type Start = Partial<Pick<StartMachineOptions, 'load' | 'identity' | 'signal'>>;

/** A board that QEMU plays. What changes it runs one at a time; a QEMU process exists only while the board is on. */
export class VirtualBoard implements Device {
  readonly driver: Device['driver'];
  readonly capabilities: Capabilities;
  readonly explorable: Device['explorable'];
  readonly #options: VirtualBoardOptions;
  readonly #name: string;
  readonly #queue = new SerialQueue();
  readonly #disposed = new AbortController();
  readonly #media: Media;
  readonly #gpio: VirtualGpio | undefined;
  readonly #console: VirtualConsole;
  #machine: Machine | undefined;
  #link: LinkState = 'up';
  #identity: Identity | undefined;
  #forwards: ReadonlyMap<number, number> = new Map();
  /** Between two QEMUs of one board that is on. */
  #restarting = false;
  /** Of the QEMUs that ended. */
  #cpuSeconds = 0;
  #end: Promise<void> | undefined;

  constructor(options: VirtualBoardOptions) {
    this.#options = options;
    this.#name = options.context.board.name;
    this.driver = { name: 'qemu', version: options.version };
    const { spec, context } = options;
    this.#media = new Media(spec, context);
    const lookAt = { machine: () => this.#machine, emit: context.emit.bind(context) };
    this.#gpio = spec.lines && new VirtualGpio({ lines: spec.lines, model: spec.model }, lookAt);
    this.#console = new VirtualConsole(this.#name, { machine: lookAt.machine, spec });
    this.capabilities = this.#capabilities();
    this.explorable = this.#media.explorable((act, options) => this.#whileOff(act, options));
  }

  cpuSeconds(): number {
    return this.#cpuSeconds + (this.#machine?.cpuSeconds ?? 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= this.#dispose();
    return this.#end;
  }

  #capabilities(): Capabilities {
    const { spec, wire } = this.#options;
    return {
      power: {
        on: (options) => this.#exclusive((signal) => this.#powerOn({ signal }), options),
        off: (options) => this.#exclusive((signal) => this.#powerOff({ cause: 'rig', signal }), options),
        state: async () => this.#state(),
      },
      reset: { reset: (options) => this.#exclusive((signal) => this.#reset(signal), options) },
      powerButton: {
        press: (options) =>
          this.#exclusive(async (signal) => {
            await this.#running('press its power button').execute('system_powerdown', undefined, { signal });
          }, options),
      },
      console: this.#console,
      ...this.#media.capabilities((act, options) => this.#whileOff(act, options)),
      ...(this.#gpio ? { gpio: this.#gpio } : {}),
      ...(spec.display === undefined ? {} : { capture: { picture: (options) => this.#picture(options) } }),
      ...(spec.nic === undefined || spec.nic === 'usb' ? {} : { link: this.#linkCapability() }),
      ...(spec.nic === undefined || wire
        ? {}
        : { address: addressOf(this.#name, { mapped: spec.forward, forwards: () => this.#forwards }) }),
      ...(canBeSaved(spec) && !wire ? { snapshots: this.#snapshots() } : {}),
    };
  }

  #snapshots(): VirtualSnapshots {
    const { spec, context, accelerator, version } = this.#options;
    return new VirtualSnapshots({
      facts: { type: context.board.type, spec, accelerator, qemuVersion: version },
      identity: identityOf(this.#name),
      livesAs: () => this.#identity ?? identityOf(this.#name),
      stateDir: context.stateDir,
      disk: this.#media.disk,
      exclusive: (act, options) => this.#exclusive(act, options),
      running: (toDoWhat) => this.#running(toDoWhat),
      link: () => this.#link,
      powerOff: ({ signal }) => this.#powerOff({ cause: 'rig', signal }),
      wake: async (link, { identity, ...start }) => {
        if (this.#link !== link) context.emit({ kind: 'link', state: link });
        this.#link = link;
        await this.#powerOn({ ...start, identity: { ...identity, name: this.#name } });
      },
    });
  }

  #whileOff<T>(act: (signal: AbortSignal) => Promise<T>, options?: Cancellable): Promise<T> {
    return this.#exclusive(async (signal) => {
      this.#assertOff();
      return act(signal);
    }, options);
  }

  #linkCapability(): NonNullable<Capabilities['link']> {
    const set = (state: LinkState, options?: Cancellable): Promise<void> =>
      this.#exclusive(async (signal) => {
        if (this.#link === state) return;
        if (this.#machine) await setLink(this.#machine, { spec: this.#options.spec, state, signal });
        this.#link = state;
        this.#options.context.emit({ kind: 'link', state });
      }, options);
    return {
      up: (options) => set('up', options),
      down: (options) => set('down', options),
      state: async () => this.#link,
    };
  }

  #picture(options?: Cancellable): Promise<Uint8Array> {
    const folder = this.#options.context.workDir;
    return this.#exclusive((signal) => pictureOf(this.#running('look at it'), { folder, signal }), options);
  }

  /** One at a time, and none after the end; `act` gets a signal that disposing aborts too. */
  async #exclusive<T>(act: (signal: AbortSignal) => Promise<T>, options: Cancellable = {}): Promise<T> {
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.#disposed.signal])
      : this.#disposed.signal;
    return this.#queue.run(() => act(signal), { signal });
  }

  #state(): PowerState {
    return this.#machine || this.#restarting ? 'on' : 'off';
  }

  async #powerOn(start: Start): Promise<void> {
    if (this.#machine) return;
    this.#identity = start.identity;
    await this.#begin(start, () => this.#options.context.emit({ kind: 'power', state: 'on', cause: 'rig' }));
  }

  /** Starts a machine and sets it going; `begins` is called before its first instruction. */
  async #begin({ signal, load }: Start, begins: () => void): Promise<void> {
    const { spec, wire } = this.#options;
    const machine = await this.#startMachine({ signal, load });
    this.#machine = machine;
    try {
      this.#forwards = await forwardPorts(
        (line, options) => machine.execute('human-monitor-command', { 'command-line': line }, options),
        { guestPorts: spec.nic && !wire ? spec.forward : [], preferred: this.#forwards, signal },
      );
      if (this.#link === 'down') await setLink(machine, { spec, state: 'down', signal });
      signal?.throwIfAborted();
      begins();
      this.#media.disk.markDirty();
      await machine.cont({ signal });
    } catch (error) {
      await this.#powerOff({ cause: 'rig' });
      throw error;
    }
  }

  /**
   * Resets a machine that stands still. An x86 kernel unpacks itself over memory that held code: QEMU's translator then takes the slow
   * way for each write there (accel/tcg/translate-all.c), and a reboot costs four times a cold boot. A new process has translated nothing.
   */
  async #restart(machine: Machine, options: Cancellable = {}): Promise<void> {
    if (!this.#restartsAnew) return machine.restart(options);
    this.#restarting = true;
    try {
      await machine.quit(options);
      this.#forget(machine);
      await this.#begin({ signal: options.signal }, () => {});
    } finally {
      this.#restarting = false;
    }
  }

  get #restartsAnew(): boolean {
    const { accelerator, context, spec } = this.#options;
    // What we play, or QEMU reads once, is looked for on the medium at every start.
    if (spec.boot.kind === 'firmware-files' || spec.boot.kind === 'boot-rom') return true;
    return accelerator.name === 'tcg' && /^(amd64|i386)$/.test(context.board.type.arch);
  }

  async #startMachine({ signal, load }: Start): Promise<Machine> {
    const { context } = this.#options;
    const machine: Machine = await startMachine({
      ...this.#options,
      media: await this.#media.inMachine({ signal }),
      firmwareFiles: await this.#media.firmwareFiles({ signal }),
      signal,
      load,
      identity: this.#identity ?? identityOf(this.#name),
      listener: {
        console: (chunk) => this.#console.received(chunk),
        stopped: (reason) => this.#onStopped(machine, reason),
        panicked: () => context.emit({ kind: 'panicked' }),
        lost: (error) => this.#onLost(machine, error),
      },
    });
    return machine;
  }

  async #powerOff({ cause, signal }: Cancellable & { cause: 'rig' | 'board' }): Promise<void> {
    const machine = this.#machine;
    if (!machine) return;
    await machine.quit({ signal });
    this.#forget(machine);
    this.#options.context.emit({ kind: 'power', state: 'off', cause });
    signal?.throwIfAborted();
  }

  async #reset(signal: AbortSignal): Promise<void> {
    const machine = this.#running('reset it');
    await machine.stop({ signal });
    this.#options.context.emit({ kind: 'reset', cause: 'rig' });
    try {
      await this.#restart(machine, { signal });
    } catch (error) {
      // Half a reset stands still for ever: better off.
      await this.#powerOff({ cause: 'rig' });
      throw error;
    }
  }

  /** The guest asked for it; it waits for its turn, since a person may be powering the board off just now. */
  #onStopped(machine: Machine, reason: 'reset' | 'shutdown'): void {
    const { emit } = this.#options.context;
    const carriedOut = this.#exclusive(async () => {
      if (this.#machine !== machine || machine.stoppedFor !== reason) return;
      if (reason === 'shutdown') return this.#powerOff({ cause: 'board' });
      emit({ kind: 'reset', cause: 'board' });
      await this.#restart(machine);
    });
    carriedOut.catch((error: unknown) => {
      // Disposed meanwhile, or QEMU was lost, which `lost` reports; a new one that did not start reports nothing.
      const isStuck = this.#machine === machine || (this.#restartsAnew && this.#machine === undefined);
      if (isStuck && !this.#disposed.signal.aborted) emit({ kind: 'lost', error: error as RigError });
    });
  }

  #onLost(machine: Machine, error: RigError): void {
    this.#forget(machine);
    const { emit } = this.#options.context;
    emit({ kind: 'lost', error });
    emit({ kind: 'power', state: 'off', cause: 'rig' });
  }

  #forget(machine: Machine): void {
    if (this.#machine !== machine) return;
    this.#cpuSeconds += machine.cpuSeconds;
    this.#machine = undefined;
  }

  #running(toDoWhat: string): Machine {
    if (this.#machine) return this.#machine;
    throw boardOff(this.#name, toDoWhat);
  }

  #assertOff(): void {
    if (!this.#machine) return;
    throw boardOn(this.#name);
  }

  async #dispose(): Promise<void> {
    this.#disposed.abort(boardClosed(this.#name));
    // First, so that nothing that waits for QEMU waits any longer.
    await this.#machine?.kill();
    await this.#queue.idle();
    await this.#powerOff({ cause: 'rig' });
    this.#gpio?.[Symbol.dispose]();
    await this.#media.remove();
    await rm(environmentFlashIn(this.#options.context.workDir), { force: true });
  }
}
