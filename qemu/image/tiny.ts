import { layoutMiB, type TinyBoard, tinyBoards } from './board.js';
import type { Recipe } from './recipe.js';
import { baseTools } from './toolbox.js';

/** The small reference OS: a kernel, busybox and dropbear. */
export function tinyRecipe(arch: keyof typeof tinyBoards): Recipe {
  const board: TinyBoard = tinyBoards[arch];
  return {
    slug: board.slug,
    kernelPackage: board.kernelPackage,
    packages: board.packages,
    layoutMiB,
    tools: baseTools,
    trees: async (ingredients) => (await import('./tiny-trees.js')).tinyTrees(ingredients, board),
  };
}
