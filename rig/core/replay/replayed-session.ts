import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { BoardConfig } from '../../contracts/board.js';
import type {
  Capabilities,
  CapabilityName,
  LinkState,
  MuxSide,
  PowerState,
} from '../../contracts/capabilities.js';
import type { DeviceEvent } from '../../contracts/driver.js';
import { RigError } from '../../contracts/errors.js';
import { breakShown } from '../../contracts/events.js';
import type { BoardSession, ConsoleReader, SessionConsole } from '../../contracts/session.js';
import type { HostRequest } from '../runner/host-services.js';
import { Playback } from './playback.js';
import { askKey, type Entry } from './timeline.js';

export interface ReplayedSessionOptions {
  readonly board: BoardConfig;
  readonly entries: readonly Entry[];
  /** The console's bytes as they were recorded; absent: the board had none. */
  readonly consolePath?: string;
  readonly has: ReadonlySet<CapabilityName>;
  readonly mask: (text: string) => string;
  /** Called with everything that the suite asked and that was not recorded. */
  readonly onUnrecorded: (error: RigError) => void;
}

/** A board that is a recording: it does again what it did, when the suite asks what was asked then. */
export class ReplayedSession implements BoardSession {
  readonly board: BoardConfig;
  readonly drivers = [{ name: 'replay', version: '1' }];
  readonly has: ReadonlySet<CapabilityName>;
  readonly capabilities: BoardSession['capabilities'];
  readonly console?: SessionConsole;
  readonly playback: Playback;
  /** Called for each request that a server of the test got then. */
  onRequest: (request: HostRequest) => void = () => {};
  /** The console file is shorter than its events say: the record ends there. */
  missingBytes = 0;
  readonly #options: ReplayedSessionOptions;
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  readonly #readers = new Set<ConsoleReader>();
  readonly #onShell = new Set<() => void>();
  #file: number | undefined;
  #power: PowerState = 'off';
  #link: LinkState = 'up';
  #side: MuxSide = 'board';

  constructor(options: ReplayedSessionOptions) {
    this.#options = options;
    this.board = options.board;
    this.has = options.has;
    this.capabilities = this.#makeCapabilities();
    if (options.consolePath !== undefined) {
      this.#file = openConsole(options.consolePath);
      this.console = this.#makeConsole();
    }
    this.playback = new Playback(options.entries, {
      bytes: (range) => this.#bytes(range),
      device: (event) => this.#device(event),
      shell: () => {
        for (const listener of this.#onShell) listener();
      },
      request: (request) => this.onRequest(request),
    });
  }

  /** Calls `listener` when a Shell answered for the first time in an epoch. */
  onShell(listener: () => void): Disposable {
    this.#onShell.add(listener);
    return { [Symbol.dispose]: () => void this.#onShell.delete(listener) };
  }

  onEvent(listener: (event: DeviceEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** On the way to where a test begins the rig powers on by itself. */
  powered(state: PowerState): void {
    this.#power = state;
  }

  /** Ends the board as the rig lost it then. */
  lose(error: RigError): void {
    this.#device({ kind: 'lost', error });
  }

  /** The replay is over: what the rig still does to leave the board off is not the suite's, and no record answers it. */
  end(): void {
    this.playback.stop();
    this.#power = 'off';
  }

  async cpuSeconds(): Promise<undefined> {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.playback.stop();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** Asks for what is in the record. @throws RigError `replay.not-recorded` */
  async ask(key: string): Promise<Extract<Entry, { kind: 'ask' }>> {
    const asked = this.playback.ask(key);
    if (asked) return asked;
    throw this.unrecorded(key);
  }

  /** Ends the test as diverged. @returns what the suite gets to know of it */
  unrecorded(what: string): RigError {
    const { name } = this.board;
    const { offset } = this.playback;
    const error = new RigError(
      `The suite asked ${name} something that was not recorded: ${what}, at byte ${offset} of its console`,
      {
        code: 'replay.not-recorded',
        blame: 'suite',
        hint: 'A replay can only answer what was asked in the run; from here on it takes a board.',
        evidence: { board: name, offset, what },
      },
    );
    this.#options.onUnrecorded(error);
    return error;
  }

  #makeCapabilities(): BoardSession['capabilities'] {
    const nothing = async (what: string): Promise<never> => {
      throw this.unrecorded(what);
    };
    const given: { readonly [Name in keyof Omit<Capabilities, 'console'>]-?: Capabilities[Name] } = {
      power: {
        on: async () => {
          await this.ask(askKey.powerOn);
          this.#power = 'on';
        },
        off: async () => {
          // A board that is off may be told so again, and nobody records it.
          if (this.#power === 'off' && !this.playback.expects(askKey.powerOff)) return;
          await this.ask(askKey.powerOff);
          this.#power = 'off';
        },
        state: async () => this.#power,
      },
      reset: { reset: async () => void (await this.ask(askKey.reset)) },
      powerButton: { press: () => nothing('press the power button') },
      // What a suite asked of them is among the looks that were recorded.
      bootMode: {
        modes: async () => [],
        mode: async () => undefined,
        set: async () => {},
      },
      link: {
        up: () => this.#setLink('up'),
        down: () => this.#setLink('down'),
        state: async () => this.#link,
      },
      address: {
        // Suites get theirs from the looks that were recorded.
        endpoint: (port) => nothing(`connect to its port ${port}`),
        hostAddress: () => nothing("this host's address as the board sees it"),
      },
      storage: {
        state: () => ({ kind: 'unknown' }),
        provision: async () => {},
        read: () => nothing('read its medium'),
        keep: () => nothing('copy its medium'),
      },
      mux: {
        side: async () => this.#side,
        // Where it was is a look, which was recorded.
        toRig: async () => {
          await this.#setSide('rig');
          return { path: '', sizeBytes: 0 };
        },
        toBoard: () => this.#setSide('board'),
      },
      netboot: { offer: async () => {}, withdraw: async () => {} },
      gpio: {
        lines: async () => [],
        read: (line) => nothing(`the level of its line ${line}`),
        watch: async () => {},
        unwatch: async () => {},
      },
      capture: { picture: () => nothing('a picture of its display') },
      snapshots: {
        key: () => nothing('what a snapshot of it depends on'),
        save: () => nothing('save a snapshot'),
        restore: () => nothing('go back to a snapshot'),
      },
    };
    return Object.fromEntries(
      Object.entries(given).filter(([name]) => this.has.has(name as CapabilityName)),
    ) as BoardSession['capabilities'];
  }

  async #setLink(state: LinkState): Promise<void> {
    if (this.#link === state && !this.playback.expects(askKey.link(state))) return;
    await this.ask(askKey.link(state));
    this.#link = state;
  }

  async #setSide(side: MuxSide): Promise<void> {
    if (this.#side === side && !this.playback.expects(askKey.mux(side))) return;
    await this.ask(askKey.mux(side));
    this.#side = side;
  }

  #makeConsole(): SessionConsole {
    return {
      write: async (bytes) => {
        await this.ask(askKey.type(this.#options.mask(Buffer.from(bytes).toString())));
      },
      sendBreak: async () => {
        await this.ask(askKey.type(breakShown));
      },
      subscribe: (reader) => {
        this.#readers.add(reader);
        return { [Symbol.dispose]: () => void this.#readers.delete(reader) };
      },
    };
  }

  #bytes({ offset, length }: { readonly offset: number; readonly length: number }): void {
    if (this.#file === undefined) return;
    // An event may claim any number of bytes.
    const chunk = Buffer.allocUnsafe(Math.min(length, Math.max(0, fstatSync(this.#file).size - offset)));
    const read = readSync(this.#file, chunk, 0, chunk.length, offset);
    this.missingBytes += length - read;
    for (const reader of this.#readers) reader.data(chunk.subarray(0, read));
  }

  #device(event: DeviceEvent): void {
    if (event.kind === 'power') this.#power = event.state;
    if (event.kind === 'link') this.#link = event.state;
    if (event.kind === 'mux') this.#side = event.side;
    for (const listener of this.#listeners) listener(event);
  }
}

function openConsole(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new RigError(`Cannot read the console that was recorded in ${path}`, {
      code: 'replay.no-console',
      blame: 'config',
      hint: 'The run folder must be whole: its events point into that file.',
      cause: error,
    });
  }
}
