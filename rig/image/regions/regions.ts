import { type Region, sectorBytes } from '../../contracts/powercut.js';
import { isFatBootSector } from '../fat-boot-sector.js';
import { type Partition, partitionTableOf, type ReadAt } from '../partition-table.js';
import { ext4Regions } from './ext4.js';
import { fatRegions } from './fat.js';

export interface RegionOptions {
  readonly sizeBytes: number;
  /** Names or numbers of partitions that hold a system which may be replaced as a whole. */
  readonly slots: readonly string[];
}

/** Its head, and its copy at the end: a header and 32 sectors of entries (UEFI Specification 2.10, 5.3). */
const gptSectors = 33;

/**
 * What each part of a disk is, as its partition table and file systems say; the whole disk is covered. Nothing of it is trusted: what cannot
 * be understood is `unknown`. Positions are in sectors.
 *
 * @returns in order of precedence: where regions overlap, the first one counts
 */
export async function diskRegions(
  read: ReadAt,
  { sizeBytes, slots }: RegionOptions,
): Promise<readonly Region[]> {
  const sectors = Math.floor(sizeBytes / sectorBytes);
  const table = await partitionTableOf(read, sizeBytes);
  if (!table) return [{ kind: 'unknown', sector: 0, sectors, what: 'the medium' }];
  const regions: Region[] = [];
  const isGpt = table.scheme === 'gpt';
  regions.push({
    kind: 'partition-table',
    sector: 0,
    sectors: isGpt ? 1 + gptSectors : 1,
    what: 'partition table',
  });
  if (isGpt)
    regions.push({
      kind: 'partition-table',
      sector: sectors - gptSectors,
      sectors: gptSectors,
      what: 'backup of the partition table',
    });
  for (const partition of table.partitions) {
    if (!isSound(partition, sizeBytes)) continue;
    regions.push(...(await partitionRegions(read, partition, slots)));
  }
  // Boot code and the environments of bootloaders lie there.
  regions.push({ kind: 'environment', sector: 0, sectors, what: 'outside the partitions' });
  return regions;
}

async function partitionRegions(
  read: ReadAt,
  partition: Partition,
  slots: readonly string[],
): Promise<Region[]> {
  const name = partition.name || `partition ${partition.number}`;
  const whole = {
    sector: Math.floor(partition.startBytes / sectorBytes),
    sectors: Math.floor(partition.sizeBytes / sectorBytes),
    partition: name,
  };
  if (slots.includes(partition.name) || slots.includes(String(partition.number)))
    return [{ ...whole, kind: 'slot', what: `slot ${name}` }];
  const inside: ReadAt = (position, length) =>
    read(partition.startBytes + position, Math.max(0, Math.min(length, partition.sizeBytes - position)));
  const head = await inside(0, sectorBytes);
  if (head.length === sectorBytes && isFatBootSector(head)) {
    const parts = await fatRegions(inside, { start: whole.sector, partition: name });
    return [...parts, { ...whole, kind: 'boot-partition', what: `${name}: free or unknown` }];
  }
  const parts = await ext4Regions(inside, { start: whole.sector, partition: name });
  return [...parts, { ...whole, kind: 'data', what: `${name}: data` }];
}

function isSound({ startBytes, sizeBytes }: Partition, diskBytes: number): boolean {
  return startBytes > 0 && sizeBytes > 0 && startBytes + sizeBytes <= diskBytes;
}
