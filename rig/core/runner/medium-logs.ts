import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { RigError } from '../../contracts/errors.js';
import type { ManagedBoard } from './managed-board.js';

const sectorBytes = 512;
const maxPartitionBytes = 256 * 1024 * 1024;
const maxLogBytes = 1024 * 1024;
const chunkBytes = 8 * 1024 * 1024;

/** Logs that the profile says are on the medium, read from it while the board is off. */
export async function readLogs(board: ManagedBoard): Promise<{ name: string; text: string }[]> {
  const logs: { name: string; text: string }[] = [];
  for (const { partition, paths } of board.profile.mediumLogs ?? []) {
    const place = await findPartition(board, partition);
    const dir = await mkdtemp(join(tmpdir(), 'boardrig-medium-'));
    try {
      const { execa } = await import('execa');
      const image = join(dir, 'partition.img');
      await copyOut(board, place, image);
      for (const path of paths) {
        // debugfs reads ext2 to ext4 without mounting; a path that is not there leaves nothing behind.
        await execa('debugfs', ['-R', `rdump ${path} ${dir}`, image], { reject: false, stdin: 'ignore' });
      }
      await rm(image);
      for (const file of await readdir(dir, { recursive: true, withFileTypes: true })) {
        if (!file.isFile()) continue;
        const full = join(file.parentPath, file.name);
        const text = (await readFile(full)).subarray(-maxLogBytes).toString('utf8');
        if (text !== '') logs.push({ name: `medium-${relative(dir, full).replaceAll('/', '-')}.txt`, text });
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
  return logs;
}

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** Finds a partition by name in a GUID partition table (UEFI specification 2.10, section 5.3). */
async function findPartition(board: ManagedBoard, name: string): Promise<Place> {
  const header = Buffer.from(await board.readMedium(sectorBytes, sectorBytes));
  if (header.toString('latin1', 0, 8) !== 'EFI PART')
    throw missing(name, 'its partition table cannot be read');
  const start = Number(header.readBigUInt64LE(72));
  const count = Math.min(header.readUInt32LE(80), 256);
  const size = header.readUInt32LE(84);
  if (size < 128 || size > 4096) throw missing(name, 'its partition table makes no sense');
  const entries = Buffer.from(await board.readMedium(start * sectorBytes, count * size));
  for (let at = 0; at + size <= entries.length; at += size) {
    const label = entries.toString('utf16le', at + 56, at + 128).replace(/\0.*$/s, '');
    if (label !== name) continue;
    const first = Number(entries.readBigUInt64LE(at + 32));
    const last = Number(entries.readBigUInt64LE(at + 40));
    return { offset: first * sectorBytes, length: (last - first + 1) * sectorBytes };
  }
  throw missing(name, 'no partition has that name');
}

async function copyOut(board: ManagedBoard, place: Place, path: string): Promise<void> {
  const end = place.offset + Math.min(place.length, maxPartitionBytes);
  await writeFile(path, '');
  for (let offset = place.offset; offset < end; offset += chunkBytes) {
    await writeFile(path, await board.readMedium(offset, Math.min(chunkBytes, end - offset)), { flag: 'a' });
  }
}

function missing(name: string, why: string): RigError {
  return new RigError(`Cannot read partition "${name}" of the medium: ${why}`, {
    code: 'medium.no-partition',
    blame: 'board',
    hint: 'The medium may be damaged or hold another image.',
  });
}
