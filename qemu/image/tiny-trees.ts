import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TinyBoard } from './board.js';
import type { TinyBoot } from './boot-kinds.js';
import { bootTree } from './bootloader.js';
import { grubEnvironment } from './grub-environment.js';
import { initrdImage } from './initrd.js';
import { findKernel } from './kernel.js';
import type { Contents, Ingredients, RawBytes } from './recipe.js';
import { rootTree } from './rootfs.js';
import { encodeEnvironmentCopy, environmentCopies, initialEnvironment } from './uboot-environment.js';

export async function tinyTrees(ingredients: Ingredients, board: TinyBoard): Promise<Contents> {
  const { packages } = ingredients;
  const kernel = await findKernel(packages);
  const initrd = await initrdImage({ modules: board.initrdModules, packages, kernel });
  return {
    root: await rootTree({ ...ingredients, board, kernel, initrd }),
    boot: await bootTree({ ...ingredients, board, initrd }),
    sectors: await rawSectors({ ...ingredients, boot: board.boot }),
  };
}

/** What lies outside of every partition: the bootloader's environment in all copies, and what the boot ROM reads. */
async function rawSectors({
  request: { plant },
  boot,
  packages,
}: Pick<Ingredients, 'request' | 'packages'> & { readonly boot: TinyBoot }): Promise<RawBytes[]> {
  switch (boot.kind) {
    case 'firmware-files':
      return [];
    case 'grub':
      return plant === 'plain-grubenv' ? [] : grubEnvironment();
    case 'u-boot': {
      const { firmware, environmentAt = environmentCopies } = boot;
      const copies = environmentAt.map((offsetBytes, index) => ({
        offsetBytes,
        data: encodeEnvironmentCopy(initialEnvironment, { number: index }),
      }));
      if (!firmware) return copies;
      const data = await readFile(join(packages, firmware.file));
      return [{ offsetBytes: firmware.offsetBytes, data }, ...copies];
    }
  }
}
