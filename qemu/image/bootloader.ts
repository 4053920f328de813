import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { sectorBytes } from '../../rig/image/gpt.js';
import { plainGrubenv, slotCounts } from './grub-environment.js';
import { guestFile } from './guest-files.js';
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
  'part_gpt fat ext2 linux normal configfile search search_label regexp test echo reboot serial terminal sleep loadenv iso9660';

export interface BootOptions {
  readonly request: BuildRequest;
  readonly board: { readonly slug: string; readonly console: string };
  /** Words for the kernel besides those of every image. */
  readonly kernelWords?: string;
  /** Modules of GRUB besides those of every image. */
  readonly grubModules?: string;
  readonly packages: string;
  readonly workDir: string;
  readonly tools: Toolbox;
}

/** The boot partition: what the firmware or U-Boot starts, and the configuration that a person may edit. */
export async function bootTree(options: BootOptions): Promise<FileTree> {
  const tree = new FileTree();
  const config = { deviceType: options.board.slug };
  tree.file('config.json', `${JSON.stringify(config, null, 2)}\n`);
  const words = [commandLine(options.board.console), options.kernelWords ?? ''];
  const fill = { CMDLINE: words.join(' ').trim() };
  if (options.request.arch === 'arm64') {
    const script = writeUbootScript(await guestFile('boot.cmd', { ...fill, ...uboot(options.request) }), {
      name: 'boardrig',
    });
    return tree.file('boot.scr', { data: script });
  }
  tree.file('EFI/BOOT/BOOTX64.EFI', { from: await grub(options) });
  if (options.request.plant === 'plain-grubenv')
    return tree
      .file('EFI/BOOT/grub.cfg', await guestFile('grub/plain.cfg', fill))
      .file('EFI/BOOT/grubenv', { data: plainGrubenv() });
  return tree.file('EFI/BOOT/grub.cfg', await guestFile('grub/grub.cfg', { ...fill, ...slotCounts }));
}

/** What U-Boot's script must know of the environment, in hexadecimal as U-Boot counts. */
function uboot({ plant }: BuildRequest): Record<string, string> {
  const [first, second] = environmentCopies.map((at) => (at / sectorBytes).toString(16));
  return {
    FIRST: first ?? '',
    SECOND: second ?? '',
    TRIES: slotTries.toString(16),
    STEP: plant === 'no-count' ? '0' : '1',
  };
}

/** GRUB with the modules of the downloaded package, so that the image does not hang on this host's version. */
async function grub({ packages, workDir, tools, grubModules: more = '' }: BootOptions): Promise<string> {
  const early = join(workDir, 'grub-early.cfg');
  const file = join(workDir, 'BOOTX64.EFI');
  await writeFile(early, await guestFile('grub/early.cfg'));
  await tools.run('grub-mkimage', [
    ...['-O', 'x86_64-efi', '-d', join(packages, 'usr/lib/grub/x86_64-efi')],
    ...['-p', '/EFI/BOOT', '-c', early, '-o', file],
    ...`${grubModules} ${more}`.trim().split(' '),
  ]);
  return file;
}
