import type { BoardConfig } from '../../rig/contracts/board.js';
import type { LinkState, PowerState } from '../../rig/contracts/capabilities.js';
import type { DeviceEvent } from '../../rig/contracts/driver.js';
import type { BoardSession, ConsoleReader, SessionConsole } from '../../rig/contracts/session.js';
import type { ShellResult } from '../../rig/contracts/suite.js';
import { bareProfile } from './bare-profile.js';

/** What a scripted device says and does. */
export interface DeviceScript {
  /** Printed after power-on, each piece `everyMs` after the one before. */
  readonly boot: readonly string[];
  readonly everyMs?: number;
  /** What a command prints; `cut`: the board never answers. */
  readonly answer?: (command: string) => string | 'cut';
  /** What the board prints for a line that somebody types and that is no framed command. */
  readonly reply?: (line: string) => string;
  /** What its display shows, as a PNG; absent: it has none. */
  readonly display?: () => Uint8Array;
  /** It has a network: what its link says of itself after it was switched, and where its ports are reached. */
  readonly network?: {
    readonly linkState: (wanted: LinkState) => LinkState;
    readonly endpoint: (port: number) => { readonly host: string; readonly port: number };
  };
}

/** A board type with a shell on its console, or without when `prompt` is missing. */
export function consoleBoard(name: string, { prompt = true, network = false } = {}): BoardConfig {
  return {
    name,
    type: {
      name: 'scripted',
      summary: 'a device for tests of replays',
      arch: 'arm64',
      capabilities: [
        'power',
        'console',
        ...(prompt ? (['shell'] as const) : []),
        ...(network ? (['link', 'address'] as const) : []),
      ],
      signatures: { kernel: { literal: 'Linux version' }, ...(prompt ? { prompt: { regexp: '^# $' } } : {}) },
      profile: 'test',
      flash: 'none',
      inventory: {},
      budgetsMs: { shell: 10_000 },
    },
    profile: bareProfile,
    labels: [],
    drivers: {},
  };
}

/** A device in memory behind a session: it has power, prints while it boots, and speaks the frames of a console shell. */
export class ScriptedSession implements BoardSession {
  readonly drivers = [{ name: 'scripted', version: '1' }];
  readonly has: BoardSession['has'];
  readonly capabilities: BoardSession['capabilities'];
  readonly console: SessionConsole;
  readonly board: BoardConfig;
  readonly #script: DeviceScript;
  readonly #readers = new Set<ConsoleReader>();
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #power: PowerState = 'off';
  #link: LinkState = 'up';

  constructor(board: BoardConfig, script: DeviceScript) {
    this.board = board;
    this.#script = script;
    this.has = new Set(board.type.capabilities);
    const { network, display } = script;
    this.capabilities = {
      ...(display ? { capture: { picture: async () => display() } } : {}),
      ...(network
        ? {
            link: {
              up: async () => this.#setLink('up'),
              down: async () => this.#setLink('down'),
              state: async () => network.linkState(this.#link),
            },
            address: {
              endpoint: async (port: number) => network.endpoint(port),
              hostAddress: async () => '127.0.0.1',
            },
          }
        : {}),
      power: {
        on: async () => this.#switch('on'),
        off: async () => this.#switch('off'),
        state: async () => this.#power,
      },
    };
    this.console = {
      write: async (bytes) => this.#typed(Buffer.from(bytes).toString()),
      sendBreak: async () => this.#typed('<BREAK>'),
      subscribe: (reader) => {
        this.#readers.add(reader);
        return { [Symbol.dispose]: () => void this.#readers.delete(reader) };
      },
    };
  }

  onEvent(listener: (event: DeviceEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async cpuSeconds(): Promise<undefined> {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#switch('off');
  }

  #setLink(state: LinkState): void {
    if (this.#link === state) return;
    this.#link = state;
    for (const listener of this.#listeners) listener({ kind: 'link', state });
  }

  #switch(state: 'on' | 'off'): void {
    if (this.#power === state) return;
    this.#power = state;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const listener of this.#listeners) listener({ kind: 'power', state, cause: 'rig' });
    const { boot, everyMs = 15 } = this.#script;
    if (state === 'on') for (const [index, text] of boot.entries()) this.#later(text, everyMs * (index + 1));
  }

  #typed(text: string): void {
    const probe = /;_k (\S+)\n$/.exec(text);
    const frame = /^_[qr] (\S+) '(.*)'\n$/.exec(text);
    if (probe) this.#later(`<${probe[1]}>\r\n# `, 2);
    else if (frame) {
      const output: ShellResult['stdout'] = this.#script.answer?.(frame[2] ?? '') ?? '';
      this.#later(`${text.replace('\n', '\r\n')}<${frame[1]} 12.34\r\n`, 2);
      if (output !== 'cut') this.#later(`${output.replaceAll('\n', '\r\n')}[${frame[1]} 0]\r\n# `, 4);
    } else this.#later(this.#script.reply?.(text) ?? text.replace('\n', '\r\n'), 3);
  }

  #later(text: string, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      for (const reader of this.#readers) reader.data(Buffer.from(text));
    }, ms);
    this.#timers.add(timer);
  }
}
