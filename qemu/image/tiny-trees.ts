import type { TinyBoard } from './board.js';
import { bootTree } from './bootloader.js';
import { initrdImage } from './initrd.js';
import type { Ingredients } from './recipe.js';
import { findKernel, rootTree } from './rootfs.js';
import type { FileTree } from './tree.js';

export async function tinyTrees(
  ingredients: Ingredients,
  board: TinyBoard,
): Promise<{ boot: FileTree; root: FileTree }> {
  const { packages } = ingredients;
  const kernel = await findKernel(packages);
  const initrd = await initrdImage({ modules: board.initrdModules, packages, kernel });
  return {
    root: await rootTree({ ...ingredients, board, kernel, initrd }),
    boot: await bootTree({ ...ingredients, board }),
  };
}
