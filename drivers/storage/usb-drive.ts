import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { constants, open, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Cancellable, Drive } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { pollUntil } from '../../rig/lifetime/poll.js';

/** Where the kernel shows devices; tests show others. */
export interface DeviceFolders {
  readonly sys: string;
  readonly dev: string;
}

export const hostFolders: DeviceFolders = { sys: '/sys', dev: '/dev' };

/** The kernel counts in these, whatever the medium's own are (Documentation/ABI/stable/sysfs-block, size). */
const sectorBytes = 512;

/** The card reader in one USB socket: its drive comes and goes as a mux switches. */
export class UsbReader {
  readonly usb: string;
  readonly #folders: DeviceFolders;

  /** @param usb path of the reader, such as `1-1.4`: it names the socket, so that no other reader is taken for it */
  constructor(usb: string, folders: DeviceFolders) {
    this.usb = usb;
    this.#folders = folders;
  }

  /** The drive with a medium in it, if there is one now. @throws RigError `storage.several-drives` */
  find(): Drive | undefined {
    const drives = this.#names()
      .map((name) => ({ path: join(this.#folders.dev, name), sizeBytes: this.#size(name) }))
      .filter(({ sizeBytes }) => sizeBytes > 0);
    if (drives.length > 1)
      throw new RigError(
        `The USB device ${this.usb} has several drives with a medium: ${drives.map(({ path }) => path).join(', ')}`,
        {
          code: 'storage.several-drives',
          blame: 'config',
          hint: 'Take the other cards out of the reader, or give the USB path of the reader itself, not of the hub that it hangs on.',
        },
      );
    return drives[0];
  }

  /** Waits until the medium can be opened. @throws RigError `lifetime.timeout` */
  async appears({ timeoutMs, signal }: Cancellable & { timeoutMs: number }): Promise<Drive> {
    return pollUntil(
      async () => {
        const drive = this.find();
        if (!drive) return undefined;
        // The kernel shows a drive before udev has made its node, and a node before its medium answers.
        const file = await open(drive.path, constants.O_RDONLY).catch(() => undefined);
        await file?.close();
        return file && drive;
      },
      {
        timeoutMs,
        everyMs: 100,
        signal,
        what: `a medium in the card reader at USB ${this.usb}, after the mux was switched to the rig`,
        hint: 'Look whether a card is in the mux, whether lsusb -t shows the reader at that path, and at dmesg: fast cards fail through some muxes.',
      },
    );
  }

  async disappears({ timeoutMs, signal }: Cancellable & { timeoutMs: number }): Promise<void> {
    await pollUntil(() => this.find() === undefined, {
      timeoutMs,
      everyMs: 100,
      signal,
      what: `the medium to leave the card reader at USB ${this.usb}, after the mux was switched to the board`,
      hint: 'The mux did not switch, or the card is in another reader than the one of the mux: look at usb in the lab file.',
    });
  }

  /**
   * Writes out what the host still holds of the drive, and makes sure that nobody uses it.
   *
   * @throws RigError `storage.drive-in-use`
   */
  async release(): Promise<void> {
    const drive = this.find();
    if (!drive) return;
    try {
      // A block device opens exclusively only while no file system, swap or volume is on it (open(2), O_EXCL).
      await using file = await open(drive.path, constants.O_RDWR | constants.O_EXCL);
      await file.sync();
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause;
      const mounts = await this.#mountsOf(basename(drive.path));
      throw new RigError(
        `Cannot take ${drive.path} away from the rig: it is in use${mounts.length > 0 ? `, mounted at ${mounts.join(', ')}` : ''}`,
        {
          code: 'storage.drive-in-use',
          blame: 'rig',
          hint: `Unmount it and keep the desktop from mounting such cards by itself (lsof ${drive.path} tells who has it).`,
          cause,
        },
      );
    }
  }

  #names(): string[] {
    const blocks = join(this.#folders.sys, 'block');
    const inside = new RegExp(`/${this.usb.replaceAll('.', '\\.')}(?::[\\d.]+)?/`);
    return readdirSync(blocks)
      .filter((name) => inside.test(`${placeOf(join(blocks, name))}/`))
      .sort();
  }

  #size(name: string): number {
    try {
      return Number(readFileSync(join(this.#folders.sys, 'block', name, 'size'), 'utf8')) * sectorBytes;
    } catch {
      // It went away between two looks.
      return 0;
    }
  }

  async #mountsOf(name: string): Promise<string[]> {
    const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
    return lines
      .map((line) => line.split(' '))
      .filter(([device = '']) => basename(device).startsWith(name))
      .map(([, at = '']) => at);
  }
}

/** Where a device is; empty for one that went away after its folder was read. */
function placeOf(link: string): string {
  try {
    return realpathSync(link);
  } catch {
    return '';
  }
}

/** Path of the USB device that `device` (a link or folder of sysfs) belongs to. */
export function usbPathOf(device: string): string | undefined {
  return realpathSync(device)
    .split('/')
    .findLast((part) => /^\d+-\d+(?:\.\d+)*$/.test(part));
}
