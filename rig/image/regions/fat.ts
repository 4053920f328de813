import { type Region, sectorBytes } from '../../contracts/powercut.js';
import type { ReadAt } from '../partition-table.js';
import type { Place } from './ext4.js';
import { FatTree, readFatLayout } from './fat-tree.js';

/** Boot sector, tables, folders and files of a FAT file system. */
export async function fatRegions(read: ReadAt, { start, partition }: Place): Promise<Region[]> {
  const layout = await readFatLayout(read);
  if (!layout) return [];
  const { reservedBytes, tables, tableBytes, rootStart, rootBytes, rootCluster } = layout;
  const region = (fromByte: number, bytes: number, what: string, file?: string): Region => ({
    kind: 'boot-partition',
    sector: start + Math.floor(fromByte / sectorBytes),
    sectors: Math.ceil(bytes / sectorBytes),
    what: `${partition}: ${what}`,
    partition,
    ...(file === undefined ? {} : { file }),
  });
  const regions = [
    region(0, sectorBytes, 'boot sector'),
    region(sectorBytes, Math.max(0, reservedBytes - sectorBytes), 'reserved sectors'),
    ...Array.from({ length: tables }, (_, copy) =>
      region(reservedBytes + copy * tableBytes, tableBytes, `file allocation table, copy ${copy + 1}`),
    ),
  ];
  const tree = await FatTree.open(read, layout);
  if (!tree) return regions;
  const take = (clusters: readonly number[], what: string, file?: string): void => {
    const { dataStart, clusterBytes } = layout;
    for (const [cluster, count] of runsOf(clusters))
      regions.push(region(dataStart + (cluster - 2) * clusterBytes, count * clusterBytes, what, file));
  };
  if (rootBytes > 0) regions.push(region(rootStart, rootBytes, 'root folder'));
  else take(tree.chain(rootCluster), 'root folder');
  for (const { path, entry, clusters } of await tree.nodes())
    if (entry.isFolder) take(clusters, `folder ${path}`);
    else take(clusters, `file ${path}`, path);
  return regions;
}

/** First cluster and count of each stretch. */
function runsOf(clusters: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const cluster of clusters) {
    const last = runs.at(-1);
    if (last && last[0] + last[1] === cluster) last[1] += 1;
    else runs.push([cluster, 1]);
  }
  return runs;
}
