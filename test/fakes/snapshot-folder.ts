import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  manifestName,
  type SnapshotKey,
  type SnapshotManifest,
  snapshotVersion,
} from '../../rig/contracts/snapshot.js';

/** A folder that looks like a snapshot, of a machine state of `stateBytes`. */
export async function writeSnapshot(
  dir: string,
  key: SnapshotKey,
  {
    stateBytes = 16,
    savedAt = new Date().toISOString(),
    imagePath,
  }: { stateBytes?: number; savedAt?: string; imagePath?: string } = {},
): Promise<SnapshotManifest> {
  const manifest: SnapshotManifest = {
    version: snapshotVersion,
    savedAt,
    key,
    identity: { name: 'scripted', uuid: 'uuid', mac: 'mac' },
    link: 'up',
    ...(imagePath === undefined
      ? {}
      : {
          medium: {
            file: 'medium.qcow2',
            sizeBytes: 1,
            sha256: 'unread',
            image: { path: imagePath, sha256: key.image ?? '' },
            mediumBytes: 1,
          },
        }),
    state: { file: 'machine.raw', sizeBytes: stateBytes, sha256: 'unread', compression: 'none' },
  };
  await mkdir(dir, { mode: 0o700 });
  await writeFile(join(dir, 'machine.raw'), Buffer.alloc(stateBytes, 1));
  await writeFile(join(dir, manifestName), JSON.stringify(manifest));
  return manifest;
}
