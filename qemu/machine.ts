import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import { type Json, RigError } from '../rig/contracts/errors.js';
import type { JsonObject } from '../rig/contracts/json.js';
import { abortable, pause } from '../rig/lifetime/abortable.js';
import { type Child, startChild } from '../rig/lifetime/child-process.js';
import { withTimeout } from '../rig/lifetime/deadline.js';
import { readProcessStat } from '../rig/lifetime/process-stat.js';
import { cannotStart, hostDiskError, unexpectedEnd } from './host-errors.js';
import { Qmp } from './qmp.js';
import type { SerialPipe } from './serial-pipe.js';
import { TextWatch } from './text-watch.js';

/** For QEMU to greet, on a host of any speed. */
const greetingMs = 60_000;
/** For QEMU to end by itself after `quit`; then it is killed, so nothing hangs on it. */
const quitMs = 5_000;
/** For QEMU to end after it closed its control connection, before it is killed. */
const silentMs = 2_000;

/** Reasons of QEMU's SHUTDOWN event (qapi/run-state.json, ShutdownCause) that come from the guest. */
const stopReasons: Readonly<Record<string, 'reset' | 'shutdown' | undefined>> = {
  'guest-reset': 'reset',
  'guest-shutdown': 'shutdown',
};

/** What a running machine tells; each in the order in which it happened, console bytes included. */
export interface MachineListener {
  console(chunk: Uint8Array): void;
  /** The guest reset or shut itself down and stands still: call `restart` or `quit`. */
  stopped(reason: 'reset' | 'shutdown'): void;
  panicked(): void;
  /** The guest has let go of a device that `device_del` asked it for. */
  deviceDeleted?(id: string): void;
  /** QEMU ended though nobody asked it to; the process is gone. */
  lost(error: RigError): void;
}

export interface MachineOptions extends Cancellable {
  readonly board: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Its serial line; closed with the machine. */
  readonly serial: SerialPipe;
  /** Where its overlays lie, for the evidence when the host's disk is full. */
  readonly folder: string;
  readonly listener: MachineListener;
  /** Its kernel says this when it restarts, and QEMU has not what would do it: then it counts as a reset by the guest. */
  readonly restartText?: string | undefined;
  /** Done to the stopped machine before `start` resolves; an end of QEMU meanwhile is thrown by it, not told as `lost`. */
  readonly prepare?: ((machine: Machine) => Promise<void>) | undefined;
}

/** One QEMU process from start to end. It starts stopped: `cont` sets the processor going. */
export class Machine {
  readonly #options: MachineOptions;
  readonly #child: Child;
  readonly #qmp: Qmp;
  readonly #eventWaiters = new Map<string, () => void>();
  readonly #ended: Promise<void>;
  /** Resolves when the last byte of the serial line was handed on. */
  #serialRead: Promise<void> = Promise.resolve();
  /** Why the guest asked to stop, until its processors do. */
  #shutdownReason = '';
  /** Nobody is told of an end before `start` is over: it throws, or of one that was asked for. */
  #tellsEnd = false;
  readonly #restartWatch: TextWatch | undefined;
  #failure: RigError | undefined;
  #cpuSeconds = 0;

  private constructor(options: MachineOptions, child: Child) {
    const [qmp] = child.sockets;
    if (!qmp) throw new Error('QEMU was started without its control socket');
    this.#options = options;
    this.#child = child;
    this.#restartWatch = options.restartText === undefined ? undefined : new TextWatch(options.restartText);
    qmp.once('end', () => this.#sampleCpu());
    this.#qmp = new Qmp(qmp, {
      event: (name, data) => this.#onEvent(name, data),
      lost: (error) => void this.#onQmpLost(error),
    });
    this.#ended = this.#watchEnd();
  }

  /**
   * Starts QEMU and resolves when it takes commands. Aborting leaves no process.
   *
   * @throws RigError `qemu.cannot-start` with QEMU's own words; what `prepare` throws; the signal's reason
   */
  static async start(options: MachineOptions): Promise<Machine> {
    const { program, args, signal } = options;
    signal?.throwIfAborted();
    const child = await startChild(program, { args, sockets: 1 });
    const machine = new Machine(options, child);
    try {
      await withTimeout((deadline) => machine.#qmp.ready({ signal: deadline }), {
        timeoutMs: greetingMs,
        signal,
        what: `${program} to greet`,
      });
      machine.#serialRead = (await options.serial.open((chunk) => machine.#received(chunk))).ended;
      await options.prepare?.(machine);
      machine.#tellsEnd = true;
      return machine;
    } catch (error) {
      const endedByItself = error instanceof RigError && error.code === 'qmp.lost';
      await machine.kill();
      if (!endedByItself) throw error;
      throw cannotStart({ ...options, child });
    }
  }

  #received(chunk: Uint8Array): void {
    this.#options.listener.console(chunk);
    if (!this.#restartWatch?.sees(chunk)) return;
    this.#shutdownReason = 'guest-reset';
    // A QEMU that is lost meanwhile is told of by its end.
    this.execute('stop').catch((error: unknown) => {
      if (!this.#child.end) void this.#fail(Promise.resolve(error as RigError));
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Why the guest made the machine stop, until `restart`. */
  get stoppedFor(): 'reset' | 'shutdown' | undefined {
    return stopReasons[this.#shutdownReason];
  }

  /** CPU seconds of the process so far; after its end, the last reading. */
  get cpuSeconds(): number {
    this.#sampleCpu();
    return this.#cpuSeconds;
  }

  /** @throws RigError `qmp.command-failed`; when QEMU ended meanwhile, the error that tells how */
  async execute(command: string, args?: JsonObject, options: Cancellable = {}): Promise<Json> {
    try {
      return await this.#qmp.execute(command, args, options);
    } catch (error) {
      if (!(error instanceof RigError && error.code === 'qmp.lost')) throw error;
      await this.#ended;
      throw this.#failure ?? error;
    }
  }

  async cont(options: Cancellable = {}): Promise<void> {
    await this.execute('cont', undefined, options);
  }

  /** Stops the processors; every byte that they sent has reached the listener then. */
  async stop(options: Cancellable = {}): Promise<void> {
    await this.execute('stop', undefined, options);
    await this.#drained();
  }

  /** Resets the stopped machine and lets it run. */
  async restart(options: Cancellable = {}): Promise<void> {
    this.#shutdownReason = '';
    await this.execute('set-action', { reboot: 'reset' }, options);
    const reset = this.#nextEvent('RESET');
    await this.execute('system_reset', undefined, options);
    await abortable(Promise.race([reset, this.#ended]), options);
    await this.execute('set-action', { reboot: 'shutdown' }, options);
    await this.cont(options);
  }

  /** Writes to the serial line; resolves when the pipe to QEMU took the bytes. */
  write(bytes: Uint8Array, options: Cancellable): Promise<void> {
    return abortable(this.#options.serial.write(bytes), options);
  }

  /** Ends QEMU as a power cut ends a board: the guest is not asked. Aborting only makes it quicker. */
  async quit({ signal }: Cancellable = {}): Promise<void> {
    this.#tellsEnd = false;
    try {
      await withTimeout(
        async (deadline) => {
          await this.#qmp.execute('quit', undefined, { signal: deadline });
          await abortable(this.#ended, { signal: deadline });
        },
        { timeoutMs: quitMs, signal, what: 'QEMU to quit' },
      );
    } catch {
      // Stuck, stopped or gone already: all the same from here.
    }
    await this.kill();
  }

  /** Ends a QEMU that cannot be used any more, and tells the listener so; one that ended already is told as it was. */
  async lose(error: RigError): Promise<void> {
    if (!this.#child.end) await this.#fail(Promise.resolve(error));
    await this.#ended;
  }

  /** Resolves when the process is gone and the last byte of its console was handed on. */
  async kill(): Promise<void> {
    this.#tellsEnd = false;
    this.#sampleCpu();
    this.#child.kill('SIGKILL');
    await this.#ended;
    this.#qmp[Symbol.dispose]();
    await this.#options.serial.close();
  }

  async #watchEnd(): Promise<void> {
    const end = await this.#child.ended;
    await this.#serialRead;
    this.#failure ??= unexpectedEnd({ ...this.#options, child: this.#child, end });
    if (!this.#tellsEnd) return;
    this.#tellsEnd = false;
    this.#options.listener.lost(this.#failure);
  }

  #onEvent(name: string, data: JsonObject): void {
    this.#sampleCpu();
    this.#eventWaiters.get(name)?.();
    this.#eventWaiters.delete(name);
    switch (name) {
      case 'SHUTDOWN':
        this.#shutdownReason = String(data.reason);
        return;
      case 'STOP':
        // Only now do all processors stand still: QEMU sends SHUTDOWN before it stops them.
        void this.#onStop();
        return;
      case 'GUEST_PANICKED':
        this.#options.listener.panicked();
        return;
      case 'DEVICE_DELETED':
        this.#options.listener.deviceDeleted?.(String(data.device));
        return;
      case 'BLOCK_IO_ERROR':
        if (data.action === 'stop') void this.#fail(hostDiskError(this.#options, data));
    }
  }

  async #onStop(): Promise<void> {
    const reason = this.stoppedFor;
    if (!reason) return;
    await this.#drained();
    if (this.stoppedFor === reason && !this.#child.end) this.#options.listener.stopped(reason);
  }

  /**
   * QEMU writes a serial byte to the pipe before it sends the event that follows it, so what came before an event is in
   * the pipe when we read the event; the next turns of the event loop have read it all.
   */
  async #drained(): Promise<void> {
    await nextTurn();
    await nextTurn();
  }

  #nextEvent(name: string): Promise<void> {
    return new Promise((resolve) => {
      this.#eventWaiters.set(name, resolve);
    });
  }

  /** It mostly means that QEMU is ending. One that lives on and cannot be spoken to is of no use. */
  async #onQmpLost(error: RigError): Promise<void> {
    this.#sampleCpu();
    await Promise.race([this.#child.ended, pause(silentMs)]);
    if (!this.#child.end) await this.#fail(Promise.resolve(error));
  }

  async #fail(error: Promise<RigError>): Promise<void> {
    this.#failure = await error;
    this.#sampleCpu();
    this.#child.kill('SIGKILL');
  }

  #sampleCpu(): void {
    const stat = readProcessStat(this.#child.pid);
    if (stat?.startTicks === this.#child.identity.startTicks)
      this.#cpuSeconds = Math.max(this.#cpuSeconds, stat.cpuSeconds);
  }
}
