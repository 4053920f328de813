/** What a FAT boot sector says of its file system (Microsoft, FAT: General Overview of On-Disk Format, 1.03). */
export interface FatShape {
  readonly type: 'FAT12' | 'FAT16' | 'FAT32';
  readonly label: string;
  readonly sizeBytes: number;
}

/** A jump, and a type where FAT12 and FAT16, or FAT32, have it: partition tables have the same signature at the end. */
export function isFatBootSector(sector: Buffer): boolean {
  const jump = sector[0];
  return (jump === 0xeb || jump === 0xe9) && typeField(sector) !== undefined;
}

/** @returns undefined for what is no FAT boot sector, or one whose numbers cannot be true */
export function readFatShape(sector: Buffer): FatShape | undefined {
  if (sector.length < 512 || !isFatBootSector(sector)) return undefined;
  const sectorBytes = sector.readUInt16LE(11);
  const clusterSectors = sector.readUInt8(13);
  const reserved = sector.readUInt16LE(14);
  const tables = sector.readUInt8(16);
  const tableSectors = sector.readUInt16LE(22) || sector.readUInt32LE(36);
  const sectors = sector.readUInt16LE(19) || sector.readUInt32LE(32);
  if (![512, 1024, 2048, 4096].includes(sectorBytes) || !isPowerOfTwo(clusterSectors)) return undefined;
  const rootSectors = Math.ceil((sector.readUInt16LE(17) * 32) / sectorBytes);
  const data = sectors - reserved - tables * tableSectors - rootSectors;
  if (reserved === 0 || tables === 0 || tableSectors === 0 || data < clusterSectors) return undefined;
  // The number of clusters alone decides the type; the text in the sector decides nothing.
  const clusters = Math.floor(data / clusterSectors);
  const type = clusters < 4085 ? 'FAT12' : clusters < 65525 ? 'FAT16' : 'FAT32';
  const at = sector.readUInt16LE(22) === 0 ? 71 : 43;
  const label = sector.toString('latin1', at, at + 11).replace(/[\0 ]+$/, '');
  return { type, label: label === 'NO NAME' ? '' : label, sizeBytes: sectors * sectorBytes };
}

function typeField(sector: Buffer): string | undefined {
  return [sector.toString('latin1', 54, 62), sector.toString('latin1', 82, 90)].find((text) =>
    /^FAT(12|16|32)? *$/.test(text),
  );
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
