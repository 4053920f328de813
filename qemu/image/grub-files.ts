import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { bootchooser } from './grub-environment.js';
import { guestFile } from './guest-files.js';
import type { FileTree } from './tree.js';

/**
 * How RAUC reaches GRUB's choice. Its own backend for GRUB (the plant) runs `grub-editenv`, which empties a file before it writes it, and calls a
 * slot on trial bad.
 */
export function raucOnGrub({ plant }: BuildRequest): { bootloader: string[]; handlers: string[] } {
  return plant === 'plain-grubenv'
    ? { bootloader: ['bootloader=grub', 'grubenv=/mnt/boot/EFI/BOOT/grubenv'], handlers: [] }
    : {
        bootloader: ['bootloader=custom'],
        handlers: ['bootloader-custom-backend=/usr/lib/boardrig/bootchooser'],
      };
}

/** What a root needs to write GRUB's choice, and to keep it whole. */
export async function addGrubFiles(tree: FileTree, { plant }: BuildRequest): Promise<void> {
  const program = { mode: 0o755 };
  if (plant === 'plain-grubenv') {
    tree.file('usr/bin/grub-editenv', await guestFile('grub/plain-editenv.sh'), program);
    return;
  }
  tree.file('usr/lib/boardrig/bootchooser', await bootchooser(), program);
  tree.file('usr/lib/boardrig/health.d/bootloader', await guestFile('grub/health-bootloader.sh'), program);
}
