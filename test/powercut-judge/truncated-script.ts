// An operation without a guest: a program that truncates a file of the boot partition before it writes it anew, as plain grub-editenv does.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuiltImage } from '../../rig/contracts/image-builder.js';

const sector = 512;
/** Of a FAT directory entry: where the first cluster and the size are (Microsoft's FAT specification, "DIR_FstClusLO", "DIR_FileSize"). */
const entryField = { cluster: 26, size: 28, length: 32 } as const;

/**
 * Records, by qemu-io, what such a program writes to the medium of `image`, and lays it down as `rig powercut` does with an operation.
 *
 * @returns the sector of the directory entry that is written twice, first with a size of 0
 */
export function recordTruncation(folder: string, image: BuiltImage, { board }: { board: string }): number {
  mkdirSync(join(folder, 'log'), { recursive: true });
  mkdirSync(join(folder, 'console'));
  const base = join(folder, 'base.raw');
  execFileSync('cp', ['--sparse=always', image.path, base]);
  execFileSync('chmod', ['u+w', base]);
  const disk = readFileSync(base);
  const at = disk.indexOf('BOOT    SCR', 0, 'latin1');
  if (at < 0 || at % entryField.length !== 0) throw new Error('boot.scr has no directory entry');
  const from = at - (at % sector);
  const whole = Buffer.from(disk.subarray(from, from + sector));
  const empty = Buffer.from(whole);
  empty.writeUInt16LE(0, at - from + entryField.cluster);
  empty.writeUInt32LE(0, at - from + entryField.size);
  writeFileSync(join(folder, 'whole'), whole);
  writeFileSync(join(folder, 'empty'), empty);
  // A raw copy: the metadata of a qcow2 overlay has flushes of its own.
  const left = join(folder, 'left.raw');
  execFileSync('cp', ['--sparse=always', base, left]);
  const log = join(folder, 'log', 'writes-000.log');
  writeFileSync(log, '');
  const node = `driver=blklogwrites,log.driver=file,log.filename=${log},log-sector-size=512`;
  const under = `file.driver=file,file.filename=${left}`;
  // Bulk where no boot looks: behind the last partition's superblock.
  const bulk = disk.length - 4 * 1024 * 1024;
  const commands = [
    `write -q -s ${join(folder, 'empty')} ${from} ${sector}`,
    `write -q -P 17 ${bulk} 256k`,
    `write -q -P 18 ${bulk + 512 * 1024} 64k`,
    'flush',
    `write -q -s ${join(folder, 'whole')} ${from} ${sector}`,
    'flush',
  ];
  execFileSync('qemu-io', ['--image-opts', `${node},${under}`, ...commands.flatMap((line) => ['-c', line])]);
  writeOperation(folder, {
    image,
    board,
    base: { path: 'base.raw', sizeBytes: disk.length, sha256: hashOf(disk) },
  });
  return from / sector;
}

function writeOperation(
  folder: string,
  {
    image,
    board,
    base,
  }: { image: BuiltImage; board: string; base: { path: string; sizeBytes: number; sha256: string } },
): void {
  const { path, sha256, sizeBytes, arch, version, variant, sshKeyFile } = image;
  const recorded = {
    format: 'boardrig-powercut-operation/1',
    board: { name: board, type: board },
    operation: 'command',
    command: 'true',
    image: { path, sha256, sizeBytes, arch, version, variant, sshKeyFile },
    base,
    log: { files: ['log/writes-000.log'], marks: [{ name: 'command', file: 0, bytes: 0 }] },
    keepsakes: [],
    model: 'write-back',
    seed: 1,
    seconds: 0,
  };
  writeFileSync(join(folder, 'operation.json'), JSON.stringify(recorded));
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
