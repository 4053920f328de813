/** What the first bytes of a partition say of the file system on it. */
export interface FilesystemFacts {
  readonly type: 'ext2' | 'ext3' | 'ext4' | 'vfat' | 'unknown';
  readonly label: string;
  /** Size that the file system believes it has; absent where it is not told here. */
  readonly sizeBytes?: number;
  /** Neither left dirty by who wrote to it last nor known to hold errors; absent where the type is unknown. */
  readonly isClean?: boolean;
}

/** How many bytes `identifyFilesystem` wants. */
export const superblockBytes = 2048;

/** EXT4_VALID_FS and EXT4_ERROR_FS of `s_state` (Linux, Documentation/filesystems/ext4/super.rst). */
const [extValid, extErrors] = [1, 2];
/** FAT_STATE_DIRTY of Linux, include/uapi/linux/msdos_fs.h. */
const fatDirty = 1;
/** Where FAT keeps that bit: 16 bits and less, and 32 (`struct fat_boot_sector`). */
export const fatStateAt = { fat16: 0x25, fat32: 0x41 };

/**
 * Recognises ext2 to ext4 (Linux, Documentation/filesystems/ext4/super.rst) and FAT (Microsoft's FAT specification 1.03).
 * The device's bytes are asked instead of a program: `blkid` prints differently in busybox, or is not there.
 */
export function identifyFilesystem(bytes: Buffer): FilesystemFacts {
  if (bytes.length >= superblockBytes && bytes.readUInt16LE(1024 + 0x38) === 0xef53) return ext(bytes);
  if (bytes.length >= 512 && bytes.readUInt16LE(510) === 0xaa55) {
    if (bytes.toString('latin1', 0x52, 0x57) === 'FAT32')
      return vfat(bytes, { labelAt: 0x47, stateAt: fatStateAt.fat32 });
    if (/^FAT1[26]/.test(bytes.toString('latin1', 0x36, 0x3b)))
      return vfat(bytes, { labelAt: 0x2b, stateAt: fatStateAt.fat16 });
  }
  return { type: 'unknown', label: '' };
}

function ext(bytes: Buffer): FilesystemFacts {
  const at = (offset: number) => bytes.readUInt32LE(1024 + offset);
  const hasJournal = (at(0x5c) & 0x4) !== 0;
  // Extents, 64bit or flex_bg: only ext4 has them.
  const isExt4 = (at(0x60) & (0x40 | 0x80 | 0x200)) !== 0;
  const blocks = at(0x4) + ((at(0x60) & 0x80) !== 0 ? at(0x150) * 2 ** 32 : 0);
  const [label = ''] = bytes.toString('utf8', 1024 + 0x78, 1024 + 0x88).split('\0', 1);
  return {
    type: isExt4 ? 'ext4' : hasJournal ? 'ext3' : 'ext2',
    label,
    sizeBytes: blocks * 2 ** (10 + at(0x18)),
    isClean: (bytes.readUInt16LE(1024 + 0x3a) & (extValid | extErrors)) === extValid,
  };
}

function vfat(bytes: Buffer, { labelAt, stateAt }: { labelAt: number; stateAt: number }): FilesystemFacts {
  return {
    type: 'vfat',
    label: bytes.toString('latin1', labelAt, labelAt + 11).trimEnd(),
    isClean: ((bytes[stateAt] ?? 0) & fatDirty) === 0,
  };
}

/** A group has eight blocks for each byte of one (its bitmap is one block): 8 MiB with blocks of 1 KiB, then 32, then 128. */
const groupsMiB = [8, 32, 128];

/**
 * Where an ext4 of any block size keeps copies of its superblock: at the beginning of group 1 and of the groups that are powers of 3,
 * 5 and 7 (Linux, Documentation/filesystems/ext4/blockgroup.rst, sparse_super), in MiB.
 */
export function superblockCopiesMiB(sizeMiB: number): readonly number[] {
  const found = new Set<number>();
  for (const groupMiB of groupsMiB)
    for (const base of [3, 5, 7])
      for (let group = 1; group * groupMiB < sizeMiB; group *= base) found.add(group * groupMiB);
  return [...found].sort((a, b) => a - b);
}
