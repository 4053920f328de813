import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export const mebibyte = 1024 * 1024;

/** Debian leaves sfdisk and mkfs.vfat out of a normal user's PATH. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: '1' };

/** Runs a program to its end. @returns its output @throws with its words when it fails */
export function sh(program: string, args: readonly string[], input: string | Uint8Array = ''): string {
  return execFileSync(program, args, { env, encoding: 'utf8', stdio: 'pipe', input });
}

export const diskBytes = 64 * mebibyte;

/** Where the parts of `partitionedImage` begin, in bytes. */
export const parts = {
  fat: { start: mebibyte, size: 35 * mebibyte },
  ext4: { start: 36 * mebibyte, size: 24 * mebibyte },
  other: { start: 60 * mebibyte, size: 2 * mebibyte },
} as const;

/**
 * A GPT disk as people have it: a FAT32 and an ext4 with files, of which some were deleted again, and a partition with something
 * unknown in it that ends with zeros. Sparse. All in `folder`, where the files' contents stay as `fat-file` and `ext4/file`.
 */
export function partitionedImage(folder: string): string {
  const at = (name: string): string => join(folder, name);
  sparse(at('disk.img'), diskBytes);
  const table = Object.entries(parts).map(
    ([name, { start, size }]) => `start=${start / 512}, size=${size / 512}, name=${name}`,
  );
  sh('sfdisk', ['-q', at('disk.img')], `label: gpt\n${table.join('\n')}\n`);

  sparse(at('fat'), parts.fat.size);
  sh('mkfs.vfat', ['-F', '32', '-s', '1', at('fat')]);
  writeFileSync(at('fat-file'), randomBytes(2 * mebibyte + 17));
  writeFileSync(at('deleted'), randomBytes(4 * mebibyte));
  sh('mcopy', ['-i', at('fat'), at('deleted'), '::deleted']);
  sh('mcopy', ['-i', at('fat'), at('fat-file'), '::file']);
  sh('mdel', ['-i', at('fat'), '::deleted']);

  mkdirSync(at('ext4-tree'));
  writeFileSync(at('ext4-tree/file'), randomBytes(3 * mebibyte + 5));
  // Zeros that a file counts on, of which mke2fs makes a hole in the image: the block is the file's all the same.
  writeFileSync(at('ext4-tree/zeros'), Buffer.alloc(mebibyte));
  sparse(at('ext4'), parts.ext4.size);
  sh('mke2fs', ['-q', '-t', 'ext4', '-d', at('ext4-tree'), at('ext4')]);
  sh('debugfs', ['-w', '-R', `write ${at('deleted')} deleted`, at('ext4')]);
  sh('debugfs', ['-w', '-R', 'rm deleted', at('ext4')]);

  writeFileSync(at('other'), randomBytes(mebibyte));
  writeFileSync(at('other-whole'), Buffer.concat([readFileSync(at('other')), Buffer.alloc(mebibyte)]));
  for (const [name, { start }] of Object.entries(parts))
    sh('dd', [
      `if=${at(name)}`,
      `of=${at('disk.img')}`,
      'bs=1M',
      `seek=${start / mebibyte}`,
      'conv=notrunc,sparse',
    ]);
  return at('disk.img');
}

export function sparse(path: string, bytes: number): void {
  writeFileSync(path, '');
  truncateSync(path, bytes);
}

/** A medium full of something else, so that what is not written shows. */
export function usedMedium(path: string, bytes: number): string {
  writeFileSync(path, Buffer.alloc(bytes, 0xa5));
  return path;
}

/** The image as each kind of package, by its ending. */
export function packed(image: string): ReadonlyMap<string, string> {
  const made = new Map<string, string>();
  for (const [ending, program] of [
    ['gz', 'gzip'],
    ['xz', 'xz'],
    ['zst', 'zstd'],
    ['bz2', 'bzip2'],
  ] as const) {
    const path = `${image}.${ending}`;
    const fd = openSync(path, 'w');
    execFileSync(program, ['-c', '-1', image], { stdio: ['ignore', fd, 'inherit'] });
    closeSync(fd);
    made.set(ending, path);
  }
  const zip = `${image}.zip`;
  zipped(zip, [image]);
  return made.set('zip', zip);
}

export function zipped(zip: string, files: readonly string[]): void {
  sh('python3', [
    '-c',
    'import sys, zipfile, os\nwith zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:\n for f in sys.argv[2:]: z.write(f, os.path.basename(f))',
    zip,
    ...files,
  ]);
}

/** Changes one byte of a file. */
export function flipByte(path: string, offset: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, randomOther(path, offset), 0, 1, offset);
  closeSync(fd);
}

function randomOther(path: string, offset: number): Buffer {
  const byte = execFileSync('dd', [`if=${path}`, 'bs=1', `skip=${offset}`, 'count=1', 'status=none']);
  return Buffer.from([(byte[0] ?? 0) ^ 0xff]);
}
