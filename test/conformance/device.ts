import type { ConsoleLine } from '../../rig/contracts/capabilities.js';
import type { Device, DeviceEvent } from '../../rig/contracts/driver.js';
import { pollUntil } from '../../rig/lifetime/poll.js';

/** A driver to be judged: how to open its device, and what the board behind it says and answers. */
export interface DeviceMaker {
  /** Everything that the device tells goes to `emit`. */
  open(emit: (event: DeviceEvent) => void): Promise<Device>;
  /** Text on the console when the board has started as far as the tests need. */
  readonly started: string;
  /** Text that answers a line: the tests send the line and wait for the answer. */
  readonly question: { readonly line: string; readonly answer: string };
  /** What the board itself sees of its network carrier. */
  readonly carrier?: { readonly line: string; readonly up: string; readonly down: string };
}

const generousMs = 60_000;

/** An open device, with all that it said: events and console bytes in one list, in the order in which they came. */
export class OpenDevice implements AsyncDisposable {
  readonly told: ({ readonly event: DeviceEvent } | { readonly bytes: Buffer })[];
  readonly device: Device;
  readonly line: ConsoleLine | undefined;
  #seen = 0;

  private constructor(device: Device, told: OpenDevice['told'], line: ConsoleLine | undefined) {
    this.device = device;
    this.told = told;
    this.line = line;
  }

  static async of(maker: Pick<DeviceMaker, 'open'> & Partial<DeviceMaker>): Promise<OpenDevice> {
    const told: OpenDevice['told'] = [];
    const device = await maker.open((event) => told.push({ event }));
    const line = await device.capabilities.console?.open({
      data: (chunk) => told.push({ bytes: Buffer.from(chunk) }),
      lost: (error) => told.push({ event: { kind: 'lost', error } }),
    });
    return new OpenDevice(device, told, line);
  }

  get events(): DeviceEvent[] {
    return this.told.flatMap((entry) => ('event' in entry ? [entry.event] : []));
  }

  eventsOf<K extends DeviceEvent['kind']>(kind: K): Extract<DeviceEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<DeviceEvent, { kind: K }> => event.kind === kind);
  }

  /** Console text of the whole life. */
  get text(): string {
    return Buffer.concat(this.told.flatMap((entry) => ('bytes' in entry ? [entry.bytes] : []))).toString(
      'latin1',
    );
  }

  /** Waits for `literal` after the last one that was waited for; gives what stood before it. */
  async until(literal: string): Promise<string> {
    const at = await pollUntil(() => this.text.indexOf(literal, this.#seen) + 1, {
      what: `${JSON.stringify(literal)} after ${JSON.stringify(this.text.slice(this.#seen).slice(-300))}`,
      timeoutMs: generousMs,
      everyMs: 10,
    });
    const text = this.text.slice(this.#seen, at - 1);
    this.#seen = at - 1 + literal.length;
    return text;
  }

  /** What came until now is not waited for any more. */
  skip(): void {
    this.#seen = this.text.length;
  }

  async type(text: string): Promise<void> {
    await this.line?.write(Buffer.from(text, 'latin1'));
  }

  /** Waits until `count` events of `kind` were told in all. */
  async event<K extends DeviceEvent['kind']>(kind: K, count = 1): Promise<Extract<DeviceEvent, { kind: K }>> {
    return pollUntil(() => this.eventsOf(kind)[count - 1], {
      what: `event ${count} of kind ${kind}`,
      timeoutMs: generousMs,
      everyMs: 5,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.line?.[Symbol.asyncDispose]();
    await this.device[Symbol.asyncDispose]();
  }
}
