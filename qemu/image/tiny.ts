import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { layoutMiB, type TinyBoard, tinyBoards } from './board.js';
import type { Recipe } from './recipe.js';
import { baseTools } from './toolbox.js';

const plainGrubenvBoard: TinyBoard = {
  ...tinyBoards.amd64,
  packages: [...tinyBoards.amd64.packages, 'grub-common', 'libdevmapper1.02.1', 'libudev1'],
  programs: [...tinyBoards.amd64.programs, 'usr/bin/grub-editenv'],
};

/** The small reference OS: a kernel, busybox and dropbear. */
export function tinyRecipe({ arch, plant }: BuildRequest): Recipe {
  const board: TinyBoard = plant === 'plain-grubenv' ? plainGrubenvBoard : tinyBoards[arch];
  return {
    slug: board.slug,
    kernelPackage: board.kernelPackage,
    packages: board.packages,
    layoutMiB,
    tools: baseTools,
    trees: async (ingredients) => (await import('./tiny-trees.js')).tinyTrees(ingredients, board),
  };
}
