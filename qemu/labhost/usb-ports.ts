import { join } from 'node:path';
import type { JsonObject } from '../../rig/contracts/json.js';
import { abortable } from '../../rig/lifetime/abortable.js';
import { withTimeout } from '../../rig/lifetime/deadline.js';
import type { Machine } from '../machine.js';
import { sockets } from './command-line.js';
import type { UsbDevice } from './usb/device.js';
import { Plug } from './usb/plug.js';

/** Of QEMU's FTDI adapter; part of its name in /dev/serial/by-id. */
const serialNumber = 'LAB00001';
const unplugMs = 30_000;

/** The USB sockets of the lab host: QEMU's own devices, and ones that are emulated out here down to their wires. */
export class UsbPorts implements AsyncDisposable {
  readonly #machine: Machine;
  readonly #workDir: string;
  readonly #failed: (error: Error) => void;
  readonly #gone = new Map<string, () => void>();
  readonly #plugs = new Map<string, Plug>();
  #plugged = 0;

  /** @param options `failed`: an emulated device did not understand what QEMU said */
  constructor(machine: Machine, { workDir, failed }: { workDir: string; failed(error: Error): void }) {
    this.#machine = machine;
    this.#workDir = workDir;
    this.#failed = failed;
  }

  /** Plugs QEMU's FTDI adapter in, on `port` of the root hub. */
  async plugSerial({ port = 1 } = {}): Promise<void> {
    await this.#add({
      driver: 'usb-serial',
      id: 'serial',
      chardev: sockets.wire,
      serial: serialNumber,
      'always-plugged': true,
      port: String(port),
    });
  }

  async unplugSerial(): Promise<void> {
    await this.#remove('serial');
  }

  /** Plugs a card reader with `file` as its card in, on `port` of the root hub. The file is locked while it is there. */
  async plugDrive(file: string, { port = 2 } = {}): Promise<void> {
    await this.#machine.execute('blockdev-add', {
      driver: 'raw',
      'node-name': 'card',
      file: { driver: 'file', filename: file },
    });
    await this.#add({
      driver: 'usb-storage',
      id: 'reader',
      drive: 'card',
      removable: true,
      port: String(port),
    });
  }

  async unplugDrive(): Promise<void> {
    await this.#remove('reader');
    await this.#machine.execute('blockdev-del', { 'node-name': 'card' });
  }

  /** Plugs a hub in; what is plugged into it has a port such as `3.1`. It knows full speed only, and stays. */
  async plugHub(port: string): Promise<void> {
    await this.#add({ driver: 'usb-hub', id: `hub${port}`, port });
  }

  /** Plugs an emulated device in, on a port of the root hub (`4`) or of another (`3.1`). */
  async plug(device: UsbDevice, port: string): Promise<void> {
    const id = idOf(port);
    this.#plugged += 1;
    const path = join(this.#workDir, `${id}-${this.#plugged}`);
    const plug = await Plug.listen(device, { path, failed: this.#failed });
    this.#plugs.set(id, plug);
    const socket = { type: 'socket', data: { addr: { type: 'unix', data: { path } }, server: false } };
    await this.#machine.execute('chardev-add', { id: `${id}-${this.#plugged}`, backend: socket });
    await this.#add({ driver: 'usb-redir', id, chardev: `${id}-${this.#plugged}`, port });
  }

  async unplug(port: string): Promise<void> {
    const id = idOf(port);
    // QEMU takes the chardev away with the device.
    await this.#remove(id);
    await this.#plugs.get(id)?.[Symbol.asyncDispose]();
    this.#plugs.delete(id);
  }

  /** QEMU tells that a device is gone. */
  deleted(id: string): void {
    this.#gone.get(id)?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#plugs.values()].map((plug) => plug[Symbol.asyncDispose]()));
  }

  async #add(device: JsonObject): Promise<void> {
    await this.#machine.execute('device_add', { ...device, bus: 'xhci.0' });
  }

  async #remove(id: string): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#gone.set(id, resolve));
    await this.#machine.execute('device_del', { id });
    await withTimeout((signal) => abortable(gone, { signal }), {
      timeoutMs: unplugMs,
      what: `${id} to be unplugged`,
    });
  }
}

function idOf(port: string): string {
  return `usb${port}`;
}
