import type { ImageExtra } from '../../../rig/contracts/image-builder.js';
import type { Recipe } from '../recipe.js';
import { baseTools } from '../toolbox.js';
import { basePackages, enginePackages } from './packages.js';

/** A slot holds the system with the engine and room for a later one; the boot partition takes files of a person. */
const layoutMiB = { boot: 64, rootA: 448, rootB: 448, state: 48, data: 64 } as const;

/** The full reference OS: Debian's systemd and services, without or with a container engine. */
export function fullRecipe(extras: readonly ImageExtra[]): Recipe {
  const withEngine = extras.includes('engine');
  return {
    slug: 'virt-x86-64',
    kernelPackage: 'linux-image-amd64',
    packages: withEngine ? [...basePackages, ...enginePackages].sort() : basePackages,
    layoutMiB,
    tools: [...baseTools, 'depmod'],
    trees: async (ingredients) => (await import('./trees.js')).fullTrees(ingredients, { withEngine }),
  };
}
