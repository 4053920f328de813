import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';

/** Where the kernel shows devices; tests show others. */
export interface SerialFolders {
  readonly sys: string;
  readonly dev: string;
}

const hostFolders: SerialFolders = { sys: '/sys', dev: '/dev' };

interface Adapter {
  readonly tty: string;
  /** Path of its USB device, such as 1-1.4. */
  readonly usb: string;
  readonly serial: string;
  /** All that its name in by-id is made of. */
  readonly name: string;
}

/**
 * A name in /dev/serial/by-id is made of what the adapter says of itself. Of two adapters that say the same, udev links the
 * name to one, and which that is changes from one boot to the next.
 *
 * @throws RigError `console.several-devices` with their USB paths
 */
export function refuseSharedName(path: string, folders: SerialFolders = hostFolders): void {
  if (dirname(path) !== join(folders.dev, 'serial/by-id')) return;
  const tty = basename(realpathSync(path));
  const adapters = adaptersIn(folders);
  const meant = adapters.find((adapter) => adapter.tty === tty);
  const same = adapters.filter(({ name }) => name === meant?.name);
  if (meant === undefined || same.length < 2) return;
  const places = new Map(byPath(folders));
  const listed = same.map(
    (each) => `USB ${each.usb} (${places.get(each.tty) ?? join(folders.dev, each.tty)})`,
  );
  const why =
    meant.serial === '' ? 'they have no serial number' : `all have the serial number ${meant.serial}`;
  throw new RigError(`${same.length} adapters have the name ${path}, for ${why}: ${listed.join(', ')}`, {
    code: 'console.several-devices',
    blame: 'config',
    hint: 'Give as path the name in /dev/serial/by-path, which is that of the socket, or unplug the others.',
    evidence: { candidates: same.map(({ usb }) => usb) },
  });
}

function adaptersIn({ sys }: SerialFolders): Adapter[] {
  const folder = join(sys, 'class/tty');
  return readdirSync(folder)
    .filter((tty) => /^tty(USB|ACM)\d+$/.test(tty))
    .sort()
    .flatMap((tty) => adapterOf(tty, join(folder, tty)) ?? []);
}

/** Undefined for one that went away meanwhile. */
function adapterOf(tty: string, folder: string): Adapter | undefined {
  try {
    const parts = realpathSync(join(folder, 'device')).split('/');
    const at = parts.findLastIndex((part) => /^\d+-[\d.]+:[\d.]+$/.test(part));
    const channel = parts.slice(0, at + 1).join('/');
    const device = dirname(channel);
    const read = (place: string, attribute: string): string => {
      try {
        return readFileSync(join(place, attribute), 'utf8').trim();
      } catch {
        return '';
      }
    };
    const serial = read(device, 'serial');
    const names = [read(device, 'manufacturer') || read(device, 'idVendor')];
    names.push(read(device, 'product') || read(device, 'idProduct'), serial);
    // An adapter with several ports has each on an interface, or counts them.
    names.push(read(channel, 'bInterfaceNumber'), read(realpathSync(join(folder, 'device')), 'port_number'));
    return { tty, usb: basename(device), serial, name: JSON.stringify(names) };
  } catch {
    return undefined;
  }
}

function byPath({ dev }: SerialFolders): [tty: string, path: string][] {
  const folder = join(dev, 'serial/by-path');
  try {
    return readdirSync(folder)
      .sort()
      .reverse()
      .map((name) => [basename(realpathSync(join(folder, name))), join(folder, name)]);
  } catch {
    return [];
  }
}
