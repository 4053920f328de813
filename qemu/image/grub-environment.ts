import { sectorBytes } from '../../rig/image/gpt.js';
import { firstPartitionBytes } from './gpt.js';
import { guestFile } from './guest-files.js';
import { writeIso9660 } from './iso9660.js';
import type { RawBytes } from './recipe.js';
import { goodSlotLeft, slotTries } from './uboot-environment.js';

/**
 * Where the copies of GRUB's environment lie: behind the partition table, before the first partition, each in an erase
 * block of its own on common media. The spare one counts while neither of the others is whole.
 */
export const grubEnvironmentCopies = {
  first: 1024 * 1024,
  second: 2 * 1024 * 1024,
  spare: 3 * 1024 * 1024,
} as const;

/** How many tries a slot gets, and what says that it is good, as scripts are filled with it. */
export const slotCounts = { TRIES: String(slotTries), GOOD: String(goodSlotLeft) } as const;

/** What an image begins with: A is good, B is empty. */
const builtChoice: BootChoice = { order: 'A B', leftA: goodSlotLeft, leftB: 0 };

/** What a board begins with that knows nothing: slot B of an image as built is empty, and no default gives it tries. */
const spareChoice: BootChoice = { order: 'A B', leftA: slotTries, leftB: 0 };

/** All that ever changes is in one sector, which a medium writes whole or not at all. */
const copyBytes = 512;

/** What GRUB's choice of a slot hangs on. */
export interface BootChoice {
  readonly order: 'A B' | 'B A';
  readonly leftA: number;
  readonly leftB: number;
}

/**
 * One copy, as GRUB's `load_env` takes it (GRUB: include/grub/lib/envblk.h): signature, `NAME=VALUE` lines, filled with
 * `#`. There is no checksum that GRUB's script could compute: the last line says all again.
 */
export function encodeGrubEnvironment({ order, leftA, leftB }: BootChoice): Buffer {
  const lines = [
    '# GRUB Environment Block',
    `BOOT_ORDER=${order}`,
    `BOOT_A_LEFT=${leftA}`,
    `BOOT_B_LEFT=${leftB}`,
    `BOOT_AGAIN=${order} ${leftA} ${leftB}`,
  ];
  return environmentBlock(lines, copyBytes);
}

function environmentBlock(lines: readonly string[], sizeBytes: number): Buffer {
  return Buffer.from(`${lines.join('\n')}\n`.padEnd(sizeBytes, '#'), 'latin1');
}

/** The environment of the plant `plain-grubenv`, as `grub-editenv` and RAUC's own backend for GRUB know it. */
export function plainGrubenv(): Buffer {
  const lines = ['# GRUB Environment Block', 'ORDER=A B', 'A_OK=1', 'A_TRY=0', 'B_OK=0', 'B_TRY=0'];
  return environmentBlock(lines, 1024);
}

/**
 * The environment of an image as built, with the file system through which GRUB reaches it: GRUB reads block lists but
 * writes only files, in place; and it takes a file system of the whole disk for one beside the partitions'.
 */
export function grubEnvironment(): RawBytes[] {
  const { first, second, spare } = grubEnvironmentCopies;
  const copy = encodeGrubEnvironment(builtChoice);
  return writeIso9660(
    [
      { name: 'FIRST', offsetBytes: first, data: copy },
      { name: 'SECOND', offsetBytes: second, data: copy },
      { name: 'SPARE', offsetBytes: spare, data: encodeGrubEnvironment(spareChoice) },
    ],
    { label: 'BOARDRIG_ENV', sizeBytes: firstPartitionBytes },
  );
}

/** The program through which RAUC reads and writes it on the board. */
export async function bootchooser(): Promise<string> {
  const { first, second, spare } = grubEnvironmentCopies;
  const sector = (offsetBytes: number): string => String(offsetBytes / sectorBytes);
  return await guestFile('grub/bootchooser.sh', {
    ...slotCounts,
    FIRST: sector(first),
    SECOND: sector(second),
    SPARE: sector(spare),
  });
}
