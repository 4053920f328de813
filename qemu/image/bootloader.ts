import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { sectorBytes } from '../../rig/image/gpt.js';
import type { TinyBoard } from './board.js';
import type { GrubKind, TinyBoot, UBootKind } from './boot-kinds.js';
import { plainGrubenv, slotCounts } from './grub-environment.js';
import { guestFile } from './guest-files.js';
import { deviceTreeFile, findKernel } from './kernel.js';
import type { Toolbox } from './toolbox.js';
import { FileTree } from './tree.js';
import { environmentCopies, slotTries } from './uboot-environment.js';
import { writeUbootScript } from './uboot-script.js';

/**
 * What every board gets besides its slot. Kernel messages of level notice and above reach the serial line until init
 * lowers it: the version line is the proof that the kernel runs. The rest buys a boot that is cheap to emulate
 * (address space randomisation and page table isolation alone cost a second of CPU), a panic that ends in a reboot, and the
 * copy of the partition table where a power cut has torn the first one: without `gpt` Linux looks for no copy
 * (block/partitions/efi.c, find_valid_gpt).
 */
export const commandLine = (console: string): string =>
  `console=${console},115200 loglevel=6 gpt panic=1 oops=panic mitigations=off nokaslr rodata=off init_on_alloc=0`;

const grubModules =
  'part_gpt fat ext2 linux normal configfile search search_label regexp test echo reboot terminal sleep loadenv iso9660';

const grubTerminals = {
  serial: 'serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n',
  console: '',
} as const;

export interface BootOptions {
  readonly request: BuildRequest;
  readonly board: Pick<TinyBoard, 'slug' | 'console' | 'boot' | 'kernelWords'>;
  /** Modules of GRUB besides those of every image. */
  readonly grubModules?: string;
  readonly packages: string;
  readonly workDir: string;
  readonly tools: Toolbox;
  /** The initial RAM disk, for a board whose firmware loads it itself. */
  readonly initrd?: Uint8Array;
}

/** The boot partition: what the firmware or U-Boot starts, and the configuration that a person may edit. */
export async function bootTree(options: BootOptions): Promise<FileTree> {
  const { board, request } = options;
  const tree = new FileTree();
  tree.file('config.json', `${JSON.stringify({ deviceType: board.slug }, null, 2)}\n`);
  const words = `${commandLine(board.console)} ${board.kernelWords ?? ''}`.trim();
  switch (board.boot.kind) {
    case 'u-boot': {
      const script = await guestFile('boot.cmd', { CMDLINE: words, ...uboot(request, board.boot) });
      return tree.file('boot.scr', { data: writeUbootScript(script, { name: 'boardrig' }) });
    }
    case 'grub':
      tree.file(`EFI/BOOT/${board.boot.file}`, { from: await grub(options, board.boot) });
      return addGrubScript(tree, { request, words, terminal: board.boot.terminal });
    case 'firmware-files':
      return addFirmwareFiles(tree, { ...options, words, deviceTrees: board.boot.deviceTrees });
  }
}

async function addGrubScript(
  tree: FileTree,
  { request, words, terminal }: { request: BuildRequest; words: string; terminal: GrubKind['terminal'] },
): Promise<FileTree> {
  const fill = { CMDLINE: words, TERMINAL: grubTerminals[terminal] };
  if (request.plant === 'plain-grubenv')
    return tree
      .file('EFI/BOOT/grub.cfg', await guestFile('grub/plain.cfg', fill))
      .file('EFI/BOOT/grubenv', { data: plainGrubenv() });
  return tree.file('EFI/BOOT/grub.cfg', await guestFile('grub/grub.cfg', { ...fill, ...slotCounts }));
}

/** What the firmware of a Raspberry Pi loads, by the names that its documentation has for them (config.txt, "Boot options"). */
async function addFirmwareFiles(
  tree: FileTree,
  {
    packages,
    words,
    deviceTrees,
    initrd = new Uint8Array(),
  }: BootOptions & { readonly words: string; readonly deviceTrees: readonly string[] },
): Promise<FileTree> {
  const { image } = await findKernel(packages);
  for (const file of deviceTrees) tree.file(basename(file), { from: await deviceTreeFile(packages, file) });
  return tree
    .file('kernel.img', { from: image })
    .file('initrd', { data: initrd })
    .file('cmdline.txt', `root=PARTLABEL=resin-rootA ro rig.slot=A ${words}\n`);
}

/** What U-Boot's script must know of the board and the environment, numbers in hexadecimal as U-Boot counts. */
function uboot({ plant }: BuildRequest, boot: UBootKind): Record<string, string> {
  const { at, medium, command } = boot;
  const [first, second] = (boot.environmentAt ?? environmentCopies).map((place) =>
    (place / sectorBytes).toString(16),
  );
  return {
    FIRST: first ?? '',
    SECOND: second ?? '',
    TRIES: slotTries.toString(16),
    STEP: plant === 'no-count' ? '0' : '1',
    MEDIUM: medium,
    BOOT: command,
    KERNEL: kernelName(boot),
    KERNELAT: at.kernel,
    INITRDAT: at.initrd,
    FIRSTAT: at.first,
    SECONDAT: at.second,
    SPAREAT: at.spare,
    // Words with ${} stay as they are: the script's own.
    TREE:
      boot.deviceTree === undefined ? '' : ` && load ${medium} 0:\${part} ${at.deviceTree} /boot/board.dtb`,
    TREEAT: boot.deviceTree === undefined ? `\${fdtcontroladdr}` : at.deviceTree,
  };
}

/** Name of the kernel in the folder `boot` of a root. */
export function kernelName(boot: TinyBoot): string {
  if (boot.kind !== 'u-boot') return 'vmlinuz';
  return boot.command === 'booti' ? 'Image' : 'zImage';
}

/** GRUB with the modules of the downloaded package, so that the image does not hang on this host's version. */
async function grub(
  { packages, workDir, tools, grubModules: more = '' }: BootOptions,
  { target, file: name, terminal }: GrubKind,
): Promise<string> {
  const early = join(workDir, 'grub-early.cfg');
  const file = join(workDir, name);
  await writeFile(early, await guestFile('grub/early.cfg'));
  await tools.run('grub-mkimage', [
    ...['-O', target, '-d', join(packages, 'usr/lib/grub', target)],
    ...['-p', '/EFI/BOOT', '-c', early, '-o', file],
    ...`${grubModules} ${terminal === 'serial' ? 'serial' : ''} ${more}`.trim().split(/\s+/),
  ]);
  return file;
}
