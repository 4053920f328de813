import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { administratorEnv } from '../../lifetime/administrator-env.js';
import { runProgram } from '../../lifetime/run-program.js';

const listMs = 30_000;
const columns =
  'PATH,KNAME,MAJ:MIN,SIZE,TYPE,RM,HOTPLUG,RO,MODEL,VENDOR,SERIAL,WWN,TRAN,FSTYPE,LABEL,MOUNTPOINTS';

/** A block device as lsblk tells of it, with what lies on top of it: partitions, volumes, arrays. */
export interface BlockDevice {
  readonly path: string;
  readonly kname: string;
  readonly 'maj:min': string;
  readonly size: number;
  /** `disk`, `part`, `loop`, `lvm`, `crypt`, `raid1`, … */
  readonly type: string;
  readonly rm: boolean;
  readonly hotplug: boolean;
  readonly ro: boolean;
  readonly model: string | null;
  readonly vendor: string | null;
  readonly serial: string | null;
  readonly wwn: string | null;
  readonly tran: string | null;
  readonly fstype: string | null;
  readonly label: string | null;
  readonly mountpoints: readonly (string | null)[];
  readonly children?: readonly BlockDevice[];
}

/** Reads the block devices of this host, or the one at `path`. Tests hand in another. */
export type ReadBlockDevices = (
  path: string | undefined,
  options: Cancellable,
) => Promise<readonly BlockDevice[]>;

/** @throws RigError `flash.cannot-list-drives` (blame: rig) */
export const readBlockDevices: ReadBlockDevices = async (path, { signal }) => {
  try {
    const { stdout } = await runProgram(
      'lsblk',
      ['--json', '--tree=PATH', '--bytes', '-o', columns, ...(path === undefined ? [] : ['--', path])],
      { signal, timeoutMs: listMs, captureBytes: 16 * 1024 * 1024 },
    );
    const { blockdevices } = JSON.parse(stdout) as { blockdevices: readonly BlockDevice[] };
    // A device that no udev described yet has its signatures all the same.
    return path === undefined
      ? blockdevices
      : await Promise.all(blockdevices.map((each) => probed(each, { signal })));
  } catch (cause) {
    signal?.throwIfAborted();
    throw new RigError(
      `Cannot tell what ${path ?? 'the drives of this host'} is: ${(cause as Error).message}`,
      {
        code: 'flash.cannot-list-drives',
        blame: 'rig',
        hint: 'lsblk --json shows what there is; without an answer of it nothing is written.',
        cause,
      },
    );
  }
};

async function probed(device: BlockDevice, options: Cancellable): Promise<BlockDevice> {
  const fstype = device.fstype ?? (await signatureOf(device.path, options));
  const children = await Promise.all((device.children ?? []).map((child) => probed(child, options)));
  return { ...device, fstype, ...(children.length > 0 ? { children } : {}) };
}

async function signatureOf(path: string, { signal }: Cancellable): Promise<string | null> {
  // 2: nothing was found; 8: several things that contradict each other.
  const { stdout } = await runProgram('blkid', ['-p', '-s', 'TYPE', '-o', 'value', '--', path], {
    signal,
    timeoutMs: listMs,
    allowedCodes: [0, 2, 8],
    env: administratorEnv(),
  });
  return stdout.trim() || null;
}
