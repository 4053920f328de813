import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { BlockDevice, ReadBlockDevices } from './block-devices.js';

const byIdDir = '/dev/disk/by-id';
/** Partition table and boot loader: another card differs there, one of the same make and size too. */
const headBytes = 64 * 1024;

/** Why a drive must not be written. What is in use now is worse than what only looks like somebody's. */
export interface DriveUse {
  readonly what: string;
  readonly active: boolean;
}

/** A whole drive, as it was when it was looked at. */
export interface Drive {
  readonly path: string;
  /** Its name that stays the same on every start, where udev made one. */
  readonly stableName?: string;
  readonly deviceNumber: string;
  readonly sizeBytes: number;
  readonly model: string;
  readonly serial?: string;
  readonly transport?: string;
  readonly removable: boolean;
  readonly readOnly: boolean;
  readonly mountpoints: readonly string[];
  readonly uses: readonly DriveUse[];
  /** Everything that would be different if another medium were in its place. */
  readonly fingerprint: Readonly<Record<string, string>>;
}

const volumes: Readonly<Record<string, string>> = {
  LVM2_member: 'LVM',
  LVM1_member: 'LVM',
  linux_raid_member: 'RAID',
  isw_raid_member: 'RAID',
  ddf_raid_member: 'RAID',
  zfs_member: 'ZFS',
  swap: 'swap',
  swsuspend: 'a hibernated system',
};

/** The drives that a person may mean: removable or pluggable, with a medium in them. */
export async function removableDrives(read: ReadBlockDevices, options: Cancellable = {}): Promise<Drive[]> {
  const devices = await read(undefined, options);
  const pluggable = devices.filter(
    ({ type, rm, hotplug, tran, size, kname }) =>
      type === 'disk' && size > 0 && (rm || hotplug || tran === 'usb' || tran === 'mmc' || isCard(kname)),
  );
  return await Promise.all(pluggable.map((device) => driveOf(device)));
}

/** An SD or MMC card in a reader of the board itself; its boot partitions are devices of their own. */
function isCard(kname: string): boolean {
  return /^mmcblk\d+$/.test(kname);
}

/**
 * The drive at `path`, which may be a link to it.
 *
 * @throws RigError `flash.not-a-drive` for a partition and the like, `flash.cannot-list-drives`
 */
export async function driveAt(
  path: string,
  read: ReadBlockDevices,
  options: Cancellable = {},
): Promise<Drive> {
  const devices = await read(realpathSync(path), options);
  const [device] = devices;
  if (device && devices.length === 1 && (device.type === 'disk' || device.type === 'loop'))
    return await driveOf(device);
  const kind = device?.type === 'part' ? 'a partition' : (device?.type ?? 'nothing that lsblk knows');
  throw new RigError(`${path} is ${kind}, not a whole drive`, {
    code: 'flash.not-a-drive',
    blame: 'config',
    hint: 'An image has a partition table of its own: give the drive, such as /dev/sdb, or a file.',
    evidence: { path, type: device?.type ?? null },
  });
}

async function driveOf(device: BlockDevice): Promise<Drive> {
  const stableName = stableNameOf(device.path);
  const all = family(device);
  return {
    path: device.path,
    ...(stableName === undefined ? {} : { stableName }),
    deviceNumber: device['maj:min'],
    sizeBytes: device.size,
    model:
      [device.vendor, device.model]
        .map((text) => text?.trim())
        .filter(Boolean)
        .join(' ') || device.type,
    ...(device.serial ? { serial: device.serial.trim() } : {}),
    ...(device.tran ? { transport: device.tran } : {}),
    removable: device.rm || device.hotplug,
    readOnly: device.ro,
    mountpoints: all.flatMap(({ mountpoints }) =>
      mountpoints.filter((each): each is string => each !== null),
    ),
    uses: all.flatMap(usesOf),
    fingerprint: {
      device: device['maj:min'],
      size: String(device.size),
      model: device.model ?? '',
      serial: device.serial ?? '',
      wwn: device.wwn ?? '',
      // Counts the media that this host has seen (Linux 5.15, Documentation/ABI/stable/sysfs-block).
      sequence: sysfs(device.kname, 'diskseq'),
      beginning: await beginningOf(device.path),
    },
  };
}

function family(device: BlockDevice): BlockDevice[] {
  return [device, ...(device.children ?? []).flatMap(family)];
}

function usesOf({ path, type, fstype, mountpoints }: BlockDevice): DriveUse[] {
  const uses: DriveUse[] = mountpoints.flatMap((place) =>
    place === null
      ? []
      : [
          {
            what: place === '[SWAP]' ? `this host swaps on ${path}` : describeMount(path, place),
            active: true,
          },
        ],
  );
  const volume = fstype === null ? undefined : volumes[fstype];
  if (volume) uses.push({ what: `${path} holds ${volume}`, active: false });
  if (!['disk', 'part', 'loop', 'rom'].includes(type))
    uses.push({ what: `${path} (${type}) is made of it`, active: true });
  return uses;
}

function describeMount(path: string, place: string): string {
  return place === '/' ? `${path} is the root of this host` : `${path} is mounted on ${place}`;
}

/** The same drive, by what udev calls it. */
function stableNameOf(path: string): string | undefined {
  try {
    return readdirSync(byIdDir)
      .filter((name) => !name.startsWith('wwn-'))
      .map((name) => join(byIdDir, name))
      .find((link) => realpathSync(link) === path);
  } catch {
    // No udev here.
    return undefined;
  }
}

function sysfs(kname: string, file: string): string {
  try {
    return readFileSync(`/sys/class/block/${kname}/${file}`, 'latin1').trim();
  } catch {
    return '';
  }
}

/** Empty where this user must not read, or no medium answers: the write meets the same. */
async function beginningOf(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
  } catch {
    return '';
  }
}
