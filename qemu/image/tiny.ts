import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { layoutMiB, type TinyBoard, tinyBoardOf, tinyBoards } from './board.js';
import type { Recipe } from './recipe.js';
import { baseTools } from './toolbox.js';

const plainGrubenvBoard: TinyBoard = {
  ...tinyBoards['virt-x86-64'],
  packages: [...tinyBoards['virt-x86-64'].packages, 'grub-common', 'libdevmapper1.02.1', 'libudev1'],
  programs: [...tinyBoards['virt-x86-64'].programs, 'usr/bin/grub-editenv'],
};

/** The small reference OS: a kernel, busybox and dropbear. */
export function tinyRecipe({ arch, board: wanted, plant }: BuildRequest): Recipe {
  const board: TinyBoard =
    plant === 'plain-grubenv' ? plainGrubenvBoard : tinyBoardOf({ arch, board: wanted });
  return {
    slug: board.slug,
    kernelPackage: board.kernelPackage,
    packages: board.packages,
    layoutMiB,
    tableEntries: board.boot.kind === 'u-boot' ? board.boot.tableEntries : undefined,
    tools: baseTools,
    trees: async (ingredients) => (await import('./tiny-trees.js')).tinyTrees(ingredients, board),
  };
}
