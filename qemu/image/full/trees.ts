import { bootTree } from '../bootloader.js';
import { initrdImage } from '../initrd.js';
import type { Ingredients } from '../recipe.js';
import { findKernel } from '../rootfs.js';
import type { FileTree } from '../tree.js';
import { initrdModules } from './modules.js';
import { fullRoot } from './root.js';

/**
 * Interfaces keep the kernel's names, as on boards; no access control beyond Unix's and no audit, whose records nobody reads.
 * Nothing of systemd's own progress on the serial line.
 */
const kernelWords = 'net.ifnames=0 apparmor=0 selinux=0 audit=0 systemd.show_status=false';
/** A production image shows a picture on its screen and no cursor. */
const prodKernelWords = `${kernelWords} vt.global_cursor_default=0`;

export async function fullTrees(
  ingredients: Ingredients,
  { withEngine }: { readonly withEngine: boolean },
): Promise<{ boot: FileTree; root: FileTree }> {
  const { packages, request } = ingredients;
  const kernel = await findKernel(packages);
  const initrd = await initrdImage({ modules: initrdModules, packages, kernel });
  const board = { slug: 'virt-x86-64', console: 'ttyS0' };
  return {
    root: await fullRoot({ ...ingredients, kernel, initrd, slug: board.slug, withEngine }),
    boot: await bootTree({
      ...ingredients,
      board,
      kernelWords: request.variant === 'dev' ? kernelWords : prodKernelWords,
    }),
  };
}
