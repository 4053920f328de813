import { sectorBytes } from '../../contracts/powercut.js';
import { partitionTableOf, type ReadAt } from '../partition-table.js';
import { type FatNode, FatTree, readFatLayout } from './fat-tree.js';

export interface TwoDisks {
  readonly before: ReadAt;
  readonly after: ReadAt;
  readonly sizeBytes: number;
}

/**
 * Which files a write changed, by what the file system around `sector` says of itself before and after it: a sector of a folder or of an
 * allocation table belongs to many files, of which it changes one. Of FAT only; contents are not compared.
 *
 * @returns `file /EFI/BOOT/grubenv: 1024 to 0 bytes`; none where no file is other, or nothing can be understood
 */
export async function changedFiles(
  { before, after, sizeBytes }: TwoDisks,
  { sector }: { readonly sector: number },
): Promise<string[]> {
  const table = await partitionTableOf(before, sizeBytes);
  const at = sector * sectorBytes;
  const place = table?.partitions.find(
    ({ startBytes, sizeBytes: length }) => at >= startBytes && at < startBytes + length,
  );
  if (!place) return [];
  const inside =
    (read: ReadAt): ReadAt =>
    (position, length) =>
      read(place.startBytes + position, Math.max(0, Math.min(length, place.sizeBytes - position)));
  const [old, now] = [await nodesOf(inside(before)), await nodesOf(inside(after))];
  if (!old || !now) return [];
  const paths = [...new Set([...old.keys(), ...now.keys()])];
  return paths.flatMap((path) => changeOf(path, { old: old.get(path), now: now.get(path) }) ?? []);
}

async function nodesOf(read: ReadAt): Promise<ReadonlyMap<string, FatNode> | undefined> {
  const layout = await readFatLayout(read);
  const tree = layout && (await FatTree.open(read, layout));
  return tree && new Map((await tree.nodes()).map((node) => [node.path, node]));
}

function changeOf(
  path: string,
  { old, now }: { readonly old: FatNode | undefined; readonly now: FatNode | undefined },
): string | undefined {
  const name = `${(now ?? old)?.entry.isFolder ? 'folder' : 'file'} ${path}`;
  if (!old) return `${name}: made`;
  if (!now) return `${name}: gone`;
  if (old.entry.sizeBytes !== now.entry.sizeBytes)
    return `${name}: ${old.entry.sizeBytes} to ${now.entry.sizeBytes} bytes`;
  const same = old.entry.cluster === now.entry.cluster && old.clusters.join() === now.clusters.join();
  return same ? undefined : `${name}: clusters, ${clustersOf(old)}, now ${clustersOf(now)}`;
}

/** How many and the first are enough to see that a chain begins elsewhere, ends sooner or is gone. */
function clustersOf({ clusters }: FatNode): string {
  return clusters[0] === undefined ? 'none' : `${clusters.length} from ${clusters[0]}`;
}
