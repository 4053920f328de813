import { createServer, type Server, type Socket } from 'node:net';
import { stall, type UsbDevice } from './device.js';
import { PacketReader } from './packet-reader.js';
import {
  altSettingStatus,
  bulkAnswer,
  configurationStatus,
  connect,
  controlAnswer,
  hello,
} from './packet-writer.js';
import { type BulkPacket, directionIn, type GuestPacket, type Setup, statuses } from './packets.js';
import { StandardRequests } from './standard-requests.js';

/** Bits of a request's type that tell who has defined it (USB 2.0, table 9-2). */
const definedBy = 0x60;

/** An emulated device at the end of its cable: QEMU's usb-redir connects to its socket. */
export class Plug implements AsyncDisposable {
  readonly #device: UsbDevice;
  readonly #failed: (error: Error) => void;
  readonly #server: Server;
  readonly #standard: StandardRequests;
  readonly #reader = new PacketReader();
  /** Transfers to the host that wait for something to say, oldest first. */
  #waiting: BulkPacket[] = [];
  #socket: Socket | undefined;

  private constructor(device: UsbDevice, failed: (error: Error) => void) {
    this.#device = device;
    this.#failed = failed;
    this.#standard = new StandardRequests(device.description);
    this.#server = createServer((socket) => this.#connected(socket));
    device.plugged(() => this.#serve());
  }

  /**
   * @param path of the unix socket
   * @param failed what QEMU said could not be read, or made the device fail: it is unplugged then
   */
  static async listen(device: UsbDevice, { path, failed }: PlugOptions): Promise<Plug> {
    const plug = new Plug(device, failed);
    await new Promise<void>((resolve, reject) => {
      plug.#server.once('error', reject).listen(path, resolve);
    });
    return plug;
  }

  /** Pulls it out; QEMU sees the socket close. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.destroy();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connected(socket: Socket): void {
    this.#server.close();
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const packet of this.#reader.read(chunk)) this.#obey(packet);
      } catch (error) {
        socket.destroy();
        this.#failed(error instanceof Error ? error : new Error(String(error)));
      }
    });
    this.#send(hello());
  }

  #obey(packet: GuestPacket): void {
    switch (packet.kind) {
      case 'hello':
        this.#send(connect(this.#device.description));
        break;
      case 'reset':
        this.#waiting = [];
        this.#standard.halted.clear();
        this.#device.reset();
        break;
      case 'set-configuration':
        this.#send(configurationStatus(packet.id, packet.configuration));
        break;
      case 'get-configuration':
        this.#send(configurationStatus(packet.id, 1));
        break;
      case 'set-alt-setting':
        this.#send(altSettingStatus(packet.id, packet));
        break;
      case 'get-alt-setting':
        this.#send(altSettingStatus(packet.id, { interface: packet.interface, alt: 0 }));
        break;
      case 'cancel':
        this.#cancel(packet.id);
        break;
      case 'control':
        this.#control(packet.id, packet);
        break;
      case 'bulk':
        this.#bulk(packet);
        break;
      case 'rejected':
        throw new Error('QEMU refuses the emulated USB device');
      case 'ignored':
        break;
    }
  }

  #control(id: bigint, { setup, data }: { setup: Setup; data: Buffer }): void {
    const answer =
      (setup.requestType & definedBy) === 0
        ? this.#standard.answer(setup)
        : this.#device.control(setup, data);
    const told = answer === stall ? Buffer.alloc(0) : answer.subarray(0, setup.length);
    this.#send(
      controlAnswer(id, setup, { status: answer === stall ? statuses.stall : statuses.success, data: told }),
    );
    // It may have woken an endpoint.
    this.#serve();
  }

  #bulk(packet: BulkPacket): void {
    if ((packet.endpoint & directionIn) !== 0) this.#waiting.push(packet);
    else {
      const refused =
        this.#standard.halted.has(packet.endpoint) ||
        this.#device.take(packet.endpoint, packet.data) === stall;
      if (refused) this.#standard.halted.add(packet.endpoint);
      const status = refused ? statuses.stall : statuses.success;
      this.#send(bulkAnswer(packet, { status, length: refused ? 0 : packet.length }));
    }
    this.#serve();
  }

  /** An answer must come for every packet, also for one that is cancelled. */
  #cancel(id: bigint): void {
    const index = this.#waiting.findIndex((packet) => packet.id === id);
    const [packet] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (packet) this.#send(bulkAnswer(packet, { status: statuses.cancelled, length: 0 }));
  }

  /** Answers what can be answered now; of each endpoint in the order of asking. */
  #serve(): void {
    const empty = new Set<number>();
    this.#waiting = this.#waiting.filter((packet) => {
      if (empty.has(packet.endpoint)) return true;
      const halted = this.#standard.halted.has(packet.endpoint);
      const given = halted ? stall : this.#device.give(packet.endpoint, packet.length);
      if (given === undefined) {
        empty.add(packet.endpoint);
        return true;
      }
      if (given === stall) {
        this.#standard.halted.add(packet.endpoint);
        this.#send(bulkAnswer(packet, { status: statuses.stall, length: 0 }));
      } else this.#send(bulkAnswer(packet, { status: statuses.success, length: given.length, data: given }));
      return false;
    });
  }

  #send(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }
}

export interface PlugOptions {
  readonly path: string;
  failed(error: Error): void;
}
