import type { BoardType } from '../rig/contracts/board.js';
import type { SnapshotKey, SnapshotKeyOptions } from '../rig/contracts/snapshot.js';
import { chooseAccelerator } from './accelerator.js';
import { mediumSize } from './disk.js';
import { snapshotKey } from './snapshot-key.js';
import { qemuVersion } from './version.js';

/**
 * What a snapshot of a board of this type depends on, here and now, without opening one: the board may be in use.
 *
 * @returns undefined for a board that QEMU does not play
 * @throws RigError `qemu.missing`, `qemu.firmware-missing`, `storage.image-missing`, `storage.medium-too-small`
 */
export async function boardKey(
  type: BoardType,
  { image, mediumBytes, signal }: SnapshotKeyOptions,
): Promise<SnapshotKey | undefined> {
  const { machine: spec, arch } = type;
  if (!spec) return undefined;
  return snapshotKey({
    type,
    spec,
    accelerator: chooseAccelerator(arch),
    qemuVersion: await qemuVersion(arch, { signal }),
    medium: image && { sha256: image.sha256, sizeBytes: await mediumSize(image, { mediumBytes }) },
    signal,
  });
}
