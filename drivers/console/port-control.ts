import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { withTimeout } from '../../rig/lifetime/deadline.js';
import type { SerialSettings } from './serial-options.js';
import { encodeSubnegotiation, telnetOptions, type Verb } from './telnet.js';

/** RFC 2217, section 3: commands of a client; a server answers with 100 more. */
const commands = { baud: 1, dataBits: 2, parity: 3, stopBits: 4, control: 5 } as const;
const serverOffset = 100;
const parities = { none: 1, odd: 2, even: 3 } as const;
/** Values of SET-CONTROL. */
const flows = { none: 1, xonxoff: 2, rtscts: 3 } as const;
const lines = { dtr: { true: 8, false: 9 }, rts: { true: 11, false: 12 } } as const;

/** The settings of a port behind RFC 2217: each is asked for, and the server's answer must be the same value. */
export class PortControl {
  readonly #name: string;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #answers = new Map<number, Buffer[]>();
  readonly #stopped: Promise<never>;
  #stop: (error: RigError) => void = () => {};
  #agreed: boolean | undefined;
  #binary: boolean | undefined;
  #wake: () => void = () => {};

  constructor(name: string, send: (bytes: Uint8Array) => void) {
    this.#name = name;
    this.#send = send;
    this.#stopped = new Promise<never>((_, reject) => {
      this.#stop = reject;
    });
    // Nobody may be waiting when the connection ends.
    this.#stopped.catch(() => undefined);
  }

  lost(error: RigError): void {
    this.#stop(error);
  }

  option(verb: Verb, option: number): void {
    if (option === telnetOptions.comPort && (verb === 'do' || verb === 'dont')) this.#agreed = verb === 'do';
    if (option === telnetOptions.binary && (verb === 'do' || verb === 'dont')) this.#binary = verb === 'do';
    this.#wake();
  }

  told(bytes: Buffer): void {
    const [command = 0] = bytes;
    const list = this.#answers.get(command) ?? [];
    list.push(bytes.subarray(1));
    this.#answers.set(command, list);
    this.#wake();
  }

  /** @throws RigError `console.no-rfc2217`, `console.setting-refused`, `lifetime.timeout`, what ended the connection */
  async agree(
    settings: SerialSettings,
    { timeoutMs, signal }: Cancellable & { timeoutMs: number },
  ): Promise<void> {
    await withTimeout((within) => this.#agree(settings, within), {
      timeoutMs,
      signal,
      what: `the console server ${this.#name} to agree on how the port is set`,
      hint: 'Look whether the port of the console server speaks RFC 2217: in ser2net its accepter is telnet(rfc2217).',
    });
  }

  async #agree(settings: SerialSettings, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#agreed !== undefined && this.#binary !== undefined, signal);
    if (!this.#agreed || !this.#binary) {
      throw new RigError(
        `The console server ${this.#name} refuses ${this.#agreed ? 'binary transmission' : 'to have its port set'}`,
        {
          code: 'console.no-rfc2217',
          blame: 'config',
          hint: 'Give its port the accepter telnet(rfc2217) in ser2net, or use console-tcp with a raw port.',
        },
      );
    }
    const { baud, dataBits, parity, stopBits, flowControl } = settings;
    const speed = Buffer.alloc(4);
    speed.writeUInt32BE(baud);
    await this.#set('baud', speed, signal);
    await this.#set('dataBits', Buffer.of(dataBits), signal);
    await this.#set('parity', Buffer.of(parities[parity]), signal);
    await this.#set('stopBits', Buffer.of(stopBits), signal);
    await this.#set('control', Buffer.of(flows[flowControl]), signal);
    for (const name of ['dtr', 'rts'] as const) {
      const wanted = settings[name];
      if (wanted !== undefined) await this.#set('control', Buffer.of(lines[name][`${wanted}`]), signal);
    }
  }

  async #set(what: keyof typeof commands, value: Buffer, signal: AbortSignal): Promise<void> {
    const command = commands[what];
    this.#send(encodeSubnegotiation(telnetOptions.comPort, Buffer.concat([Buffer.of(command), value])));
    const answer = await this.#until(() => this.#answers.get(command + serverOffset)?.shift(), signal);
    if (answer.equals(value)) return;
    throw new RigError(
      `The console server ${this.#name} was asked for ${what} ${numberOf(value)} and set ${numberOf(answer)}`,
      {
        code: 'console.setting-refused',
        blame: 'config',
        hint: 'Look what its serial port can do, and at what its own configuration allows.',
      },
    );
  }

  async #until<T>(found: () => T, signal: AbortSignal): Promise<NonNullable<T>> {
    for (;;) {
      signal.throwIfAborted();
      const value = found();
      if (value) return value;
      const next = new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([next, this.#stopped]);
    }
  }
}

function numberOf(bytes: Buffer): number {
  return bytes.length === 0 ? Number.NaN : bytes.readUIntBE(0, Math.min(bytes.length, 4));
}
