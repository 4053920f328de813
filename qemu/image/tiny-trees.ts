import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import type { TinyBoard } from './board.js';
import { bootTree } from './bootloader.js';
import { grubEnvironment } from './grub-environment.js';
import { initrdImage } from './initrd.js';
import type { Contents, Ingredients, RawBytes } from './recipe.js';
import { findKernel, rootTree } from './rootfs.js';
import { encodeEnvironmentCopy, environmentCopies, initialEnvironment } from './uboot-environment.js';

export async function tinyTrees(ingredients: Ingredients, board: TinyBoard): Promise<Contents> {
  const { packages } = ingredients;
  const kernel = await findKernel(packages);
  const initrd = await initrdImage({ modules: board.initrdModules, packages, kernel });
  return {
    root: await rootTree({ ...ingredients, board, kernel, initrd }),
    boot: await bootTree({ ...ingredients, board }),
    sectors: environmentSectors(ingredients.request),
  };
}

/** The bootloader's environment, all copies. */
function environmentSectors({ arch, plant }: BuildRequest): RawBytes[] {
  if (arch === 'amd64') return plant === 'plain-grubenv' ? [] : grubEnvironment();
  return environmentCopies.map((offsetBytes, index) => ({
    offsetBytes,
    data: encodeEnvironmentCopy(initialEnvironment, { number: index }),
  }));
}
