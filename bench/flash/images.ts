import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';

export const mebibyte = 1024 * 1024;

/** A sparse image: `mapped` MiB of data in runs of 10 MiB, spread evenly over `size` MiB. Half of it cannot be packed. */
export function sparseImage(path: string, { size, mapped }: { size: number; mapped: number }): string {
  writeFileSync(path, '');
  truncateSync(path, size * mebibyte);
  const fd = openSync(path, 'r+');
  const runs = mapped / 10;
  for (let run = 0; run < runs; run += 1) {
    const at = Math.floor((run * size) / runs) * mebibyte;
    for (let part = 0; part < 10; part += 1) writeSync(fd, someMebibyte(), 0, mebibyte, at + part * mebibyte);
  }
  closeSync(fd);
  execFileSync('bmaptool', ['create', '-o', `${path}.bmap`, path], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return path;
}

function someMebibyte(): Buffer {
  const text = Buffer.alloc(mebibyte / 2, `${randomBytes(300).toString('base64')}\n`);
  return Buffer.concat([randomBytes(mebibyte / 2), text]);
}

export function pack(image: string, program: 'gzip' | 'zstd'): string {
  const path = `${image}.${program === 'gzip' ? 'gz' : 'zst'}`;
  const fd = openSync(path, 'w');
  execFileSync(program, ['-c', '-1', image], { stdio: ['ignore', fd, 'inherit'] });
  closeSync(fd);
  return path;
}
