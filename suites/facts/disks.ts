import { type FilesystemFacts, identifyFilesystem, superblockBytes } from './filesystem.js';
import { type GptEntry, parseGpt } from './gpt.js';
import { parseHex } from './hex.js';
import { unreadable } from './unreadable.js';

export interface PartitionFacts {
  /** Kernel name, without /dev/. */
  readonly name: string;
  readonly number: number;
  /** Device number, as in `Mount.device`. */
  readonly device: string;
  /** As the kernel tells it (PARTNAME). */
  readonly label: string;
  readonly startBytes: number;
  readonly sizeBytes: number;
  readonly filesystem: FilesystemFacts;
  /** Its entry in the table on the disk; absent where the disk has no GPT. */
  readonly entry?: GptEntry;
}

export interface DiskFacts {
  readonly name: string;
  readonly sizeBytes: number;
  readonly hasGpt: boolean;
  readonly partitions: readonly PartitionFacts[];
}

/** Blocks read of the table: the header and 32 entries where blocks have 512 bytes. */
const tableBlocks = 9;
/** sysfs counts in these whatever the disk's own block is (Linux, Documentation/ABI/stable/sysfs-block). */
const sectorBytes = 512;

/** Every disk that has partitions. The globs are guarded: one that matches nothing stays as it is written. */
export const disksCommand = `for d in /sys/block/*; do
  n=\${d##*/}
  case $n in loop*|ram*|zram*|dm-*|md*|sr*|fd*) continue ;; esac
  found=
  for p in "$d/$n"*/partition; do [ -e "$p" ] && found=yes; done
  [ -n "$found" ] || continue
  block=$(cat "$d/queue/logical_block_size")
  echo "@disk $n $(cat "$d/size") $block"
  dd if="/dev/$n" bs="$block" skip=1 count=${tableBlocks} 2>/dev/null | od -An -v -tx1
  for p in "$d/$n"*/partition; do
    p=\${p%/partition}
    label=
    while IFS='=' read -r key value; do [ "$key" = PARTNAME ] && label=$value; done <"$p/uevent"
    echo "@partition \${p##*/} $(cat "$p/partition") $(cat "$p/dev") $(cat "$p/start") $(cat "$p/size") $label"
    dd if="/dev/\${p##*/}" bs=${superblockBytes} count=1 2>/dev/null | od -An -v -tx1
  done
done`;

/** @throws RigError `facts.unreadable` */
export function parseDisks(text: string): readonly DiskFacts[] {
  const disks: { head: RegExpExecArray; bytes: Buffer; partitions: [RegExpExecArray, Buffer][] }[] = [];
  const [before = '', ...blocks] = `\n${text}`.split('\n@');
  if (before.trim() !== '') throw unreadable('the disks', text, 'it does not begin with a disk');
  for (const block of blocks) {
    const [line = '', ...rest] = block.split('\n');
    const bytes = parseHex(rest.join('\n'));
    const disk = /^disk (\S+) (\d+) (\d+)$/.exec(line);
    const partition = /^partition (\S+) (\d+) (\d+:\d+) (\d+) (\d+) (.*)$/.exec(line);
    const last = disks.at(-1);
    if (disk) disks.push({ head: disk, bytes, partitions: [] });
    else if (partition && last) last.partitions.push([partition, bytes]);
    else throw unreadable('the disks', line, 'the line tells of no disk and no partition');
  }
  return disks.map(({ head: [, name = '', sectors, block], bytes, partitions }) => {
    const gpt = parseGpt(bytes, Number(block));
    return {
      name,
      sizeBytes: Number(sectors) * sectorBytes,
      hasGpt: gpt !== undefined,
      partitions: partitions.map(([head, first]) => partitionFacts(head, { first, gpt })),
    };
  });
}

function partitionFacts(
  [, name = '', number, device = '', start, size, label = '']: RegExpExecArray,
  { first, gpt }: { first: Buffer; gpt: readonly GptEntry[] | undefined },
): PartitionFacts {
  const entry = gpt?.find((candidate) => candidate.number === Number(number));
  return {
    name,
    number: Number(number),
    device,
    label,
    startBytes: Number(start) * sectorBytes,
    sizeBytes: Number(size) * sectorBytes,
    filesystem: identifyFilesystem(first),
    ...(entry ? { entry } : {}),
  };
}
