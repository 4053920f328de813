/** What the first bytes of a partition say of the file system on it. */
export interface FilesystemFacts {
  readonly type: 'ext2' | 'ext3' | 'ext4' | 'vfat' | 'unknown';
  readonly label: string;
  /** Size that the file system believes it has; absent where it is not told here. */
  readonly sizeBytes?: number;
}

/** How many bytes `identifyFilesystem` wants. */
export const superblockBytes = 2048;

/**
 * Recognises ext2 to ext4 (Linux, Documentation/filesystems/ext4/super.rst) and FAT (Microsoft's FAT specification 1.03).
 * The device's bytes are asked instead of a program: `blkid` prints differently in busybox, or is not there.
 */
export function identifyFilesystem(bytes: Buffer): FilesystemFacts {
  if (bytes.length >= superblockBytes && bytes.readUInt16LE(1024 + 0x38) === 0xef53) return ext(bytes);
  if (bytes.length >= 512 && bytes.readUInt16LE(510) === 0xaa55) {
    if (bytes.toString('latin1', 0x52, 0x57) === 'FAT32') return vfat(bytes, 0x47);
    if (/^FAT1[26]/.test(bytes.toString('latin1', 0x36, 0x3b))) return vfat(bytes, 0x2b);
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
  };
}

function vfat(bytes: Buffer, labelAt: number): FilesystemFacts {
  return { type: 'vfat', label: bytes.toString('latin1', labelAt, labelAt + 11).trimEnd() };
}
