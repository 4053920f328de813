// Operations without a guest: what a program would write, laid down as `rig powercut` does with an operation that it recorded.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeEnvironmentCopy,
  environmentCopies,
  goodSlotLeft,
  slotTries,
} from '../../qemu/image/uboot-environment.js';
import type { BuiltImage } from '../../rig/contracts/image-builder.js';
import { readGpt } from '../../rig/image/gpt.js';

const sector = 512;
const headBytes = 64 * 1024;
/** Of a FAT directory entry: where the first cluster and the size are (Microsoft's FAT specification, "DIR_FstClusLO", "DIR_FileSize"). */
const entryField = { cluster: 26, size: 28, length: 32 } as const;

/** One step of an operation: bytes to their place, a number of equal bytes, or a flush. */
type Step =
  | { readonly at: number; readonly bytes: Uint8Array }
  | { readonly at: number; readonly fill: number; readonly length: number }
  | 'flush';

interface RecordedOn {
  readonly image: BuiltImage;
  readonly board: string;
}

/**
 * Records what a program writes that truncates a file of the boot partition before it writes it anew, as plain grub-editenv does.
 *
 * @returns the sector of the directory entry that is written twice, first with a size of 0
 */
export function recordTruncation(folder: string, on: RecordedOn): number {
  const medium = readFileSync(on.image.path);
  const at = medium.indexOf('BOOT    SCR', 0, 'latin1');
  if (at < 0 || at % entryField.length !== 0) throw new Error('boot.scr has no directory entry');
  const from = at - (at % sector);
  const whole = Buffer.from(medium.subarray(from, from + sector));
  const empty = Buffer.from(whole);
  empty.writeUInt16LE(0, at - from + entryField.cluster);
  empty.writeUInt32LE(0, at - from + entryField.size);
  // Bulk where no boot looks: behind the last partition's superblock.
  const bulk = medium.length - 4 * 1024 * 1024;
  record(folder, {
    ...on,
    medium,
    steps: [
      { at: from, bytes: empty },
      { at: bulk, fill: 17, length: 256 * 1024 },
      { at: bulk + 512 * 1024, fill: 18, length: 64 * 1024 },
      'flush',
      { at: from, bytes: whole },
      'flush',
    ],
  });
  return from / sector;
}

/**
 * Records what an updater writes that gives slot B its tries and the first place before it has written it: B holds a system whose init
 * ends, the updater's last write mends it.
 */
export function recordEarlySwitch(folder: string, on: RecordedOn): void {
  const medium = readFileSync(on.image.path);
  const { partitions } = readGpt(medium.subarray(0, headBytes)) ?? { partitions: [] };
  const [a, b] = ['resin-rootA', 'resin-rootB'].map((label) => partitions.find(({ name }) => name === label));
  if (!a || !b) throw new Error(`${on.image.path} has no slots`);
  medium.copy(medium, b.startBytes, a.startBytes, a.startBytes + a.sizeBytes);
  const sound = 'exec /bin/busybox init';
  const at = medium.indexOf(sound, b.startBytes, 'latin1');
  if (at < 0 || at > b.startBytes + b.sizeBytes) throw new Error('the init of slot B is not in one piece');
  const from = at - (at % sector);
  const mended = Buffer.from(medium.subarray(from, from + sector));
  medium.write('exit 1\n'.padEnd(sound.length, '#'), at, 'latin1');
  // Of the copies as built the second is the newer one, number 1.
  const environment = encodeEnvironmentCopy(
    { BOOT_ORDER: 'B A', BOOT_A_LEFT: String(goodSlotLeft), BOOT_B_LEFT: String(slotTries) },
    { number: 2 },
  );
  record(folder, {
    ...on,
    medium,
    steps: [
      // The rest of it is zeros, as on the medium already.
      { at: environmentCopies[0], bytes: environment.subarray(0, sector) },
      'flush',
      { at: from, bytes: mended },
      'flush',
    ],
  });
}

function record(
  folder: string,
  { image, board, medium, steps }: RecordedOn & { readonly medium: Buffer; readonly steps: readonly Step[] },
): void {
  mkdirSync(join(folder, 'log'), { recursive: true });
  mkdirSync(join(folder, 'console'));
  const base = join(folder, 'base.raw');
  writeFileSync(base, medium);
  // A raw copy: the metadata of a qcow2 overlay has flushes of its own.
  const left = join(folder, 'left.raw');
  execFileSync('cp', ['--sparse=always', base, left]);
  const log = join(folder, 'log', 'writes-000.log');
  writeFileSync(log, '');
  const node = `driver=blklogwrites,log.driver=file,log.filename=${log},log-sector-size=512`;
  const under = `file.driver=file,file.filename=${left}`;
  const commands = steps.map((step, index) => {
    if (step === 'flush') return step;
    if ('fill' in step) return `write -q -P ${step.fill} ${step.at} ${step.length}`;
    const bytes = join(folder, `bytes-${index}`);
    writeFileSync(bytes, step.bytes);
    return `write -q -s ${bytes} ${step.at} ${step.bytes.length}`;
  });
  execFileSync('qemu-io', ['--image-opts', `${node},${under}`, ...commands.flatMap((line) => ['-c', line])]);
  writeOperation(folder, {
    image,
    board,
    base: { path: 'base.raw', sizeBytes: medium.length, sha256: hashOf(medium) },
  });
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
