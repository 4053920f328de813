import type { Board, TestContext } from '../../rig/mod.js';
import { type DiskFacts, disksCommand, type PartitionFacts, parseDisks } from '../facts/disks.js';
import { type Mount, mountAt, mountsCommand, parseMounts } from '../facts/mounts.js';
import { ask } from '../facts/sections.js';

/** The board's disks and mounts as one moment shows them. */
export interface Layout {
  readonly mounts: readonly Mount[];
  readonly root: Mount;
  /** The disk that the root is on. */
  readonly disk: DiskFacts;
  readonly rootPartition: PartitionFacts;
}

/** Asks for disks and mounts in one round trip; ends the test when the root is on no partition. */
export async function readLayout(t: TestContext, board: Board): Promise<Layout> {
  const answer = await ask(board.shell, { mounts: mountsCommand, disks: disksCommand });
  const mounts = parseMounts(answer.mounts.text);
  const root = mountAt(mounts, '/');
  t.require(root, 'a root is mounted');
  const disks = parseDisks(answer.disks.text);
  const disk = disks.find(({ partitions }) => partitions.some(({ device }) => device === root.device));
  const rootPartition = disk?.partitions.find(({ device }) => device === root.device);
  t.require(
    disk && rootPartition,
    `the root (device ${root.device}) is on a partition of ${disks.map(({ name }) => name).join(', ') || 'a disk'}`,
  );
  return { mounts, root, disk, rootPartition };
}

/** Each place shows a partition, writable as promised: an ext4 with errors is remounted read-only or not mounted at all. */
export function assertPromisedMounts(
  t: TestContext,
  { mounts, disk, rootPartition }: Layout,
  { but = [] }: { readonly but?: readonly string[] } = {},
): void {
  const { profile } = t.board;
  if (profile.roots.length > 0)
    t.equal(rootPartition.label, profile.roots[0], 'the root is the expected partition');
  for (const point of Object.values(profile.mounts)) {
    if (but.includes(point)) continue;
    const mount = mountAt(mounts, point);
    const partition = disk.partitions.find(({ device }) => device === mount?.device);
    const promised = profile.partitions.find(({ label }) => label === partition?.label);
    if (t.ok(mount && partition, `${point} shows a partition`) && promised)
      t.equal(
        mount?.readOnly,
        promised.readOnly,
        `${point} is ${promised.readOnly ? 'read-only' : 'writable'}`,
      );
  }
}
