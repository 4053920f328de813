import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceFolders } from '../../drivers/storage/usb-drive.js';

/** A card reader as sysfs shows it: a drive in a USB device, of size 0 while no card is in it. The card is a file. */
export class FakeReader {
  readonly folders: DeviceFolders;
  readonly drive: string;
  readonly #name: string;
  readonly #usb: string;
  readonly #card: string;
  #stuck = false;
  #lateMs = 0;
  #wanted: 'in' | 'out' = 'out';

  constructor(root: string, { usb, name = 'sda' }: { usb: string; name?: string }) {
    this.folders = { sys: join(root, 'sys'), dev: join(root, 'dev') };
    this.#name = name;
    this.#usb = usb;
    this.#card = join(root, `${name}.img`);
    this.drive = join(this.folders.dev, name);
    mkdirSync(join(this.#place, 'block', name), { recursive: true });
    mkdirSync(join(this.folders.sys, 'block'), { recursive: true });
    mkdirSync(this.folders.dev, { recursive: true });
    writeFileSync(this.#card, Buffer.alloc(1024 * 1024, 0x11));
    symlinkSync(join(this.#place, 'block', name), join(this.folders.sys, 'block', name));
    this.take();
  }

  /** Where the USB device is below /sys: hubs nest by their ports. */
  get usbFolder(): string {
    const [bus = '', ports = ''] = this.#usb.split('-');
    const parts = ports.split('.').map((_, index, all) => `${bus}-${all.slice(0, index + 1).join('.')}`);
    return join(this.folders.sys, 'devices/pci0000:00/usb1', ...parts);
  }

  get #place(): string {
    return join(this.usbFolder, `${this.#usb}:1.0/host0/target0:0:0/0:0:0:0`);
  }

  /** The mux takes its orders and does nothing. Undone, it does what it was told last. */
  set stuck(stuck: boolean) {
    this.#stuck = stuck;
    if (!stuck) this.#carryOut();
  }

  /** The mux takes so long. */
  set lateMs(ms: number) {
    this.#lateMs = ms;
  }

  /** The card is to be in the reader. */
  put(): void {
    this.#order('in');
  }

  /** The card is to be in the board. */
  take(): void {
    this.#order('out');
  }

  get isIn(): boolean {
    return existsSync(this.drive);
  }

  #order(wanted: 'in' | 'out'): void {
    this.#wanted = wanted;
    if (this.#lateMs > 0) setTimeout(() => this.#carryOut(), this.#lateMs);
    else this.#carryOut();
  }

  #carryOut(): void {
    if (this.#stuck) return;
    if (this.#wanted === 'in') this.#put();
    else this.#take();
  }

  #put(): void {
    rmSync(this.drive, { force: true });
    symlinkSync(this.#card, this.drive);
    this.#size(2048);
  }

  #take(): void {
    this.#size(0);
    rmSync(this.drive, { force: true });
  }

  /** The board writes. */
  scribble(): void {
    const bytes = readFileSync(this.#card);
    bytes.fill(0x5a, 0, 512);
    writeFileSync(this.#card, bytes);
  }

  /** Somebody puts another card in. */
  swap(): void {
    writeFileSync(this.#card, Buffer.alloc(1024 * 1024, 0x22));
  }

  #size(sectors: number): void {
    writeFileSync(join(this.#place, 'block', this.#name, 'size'), `${sectors}\n`);
  }
}
