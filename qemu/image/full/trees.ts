import { grubTargets } from '../boot-kinds.js';
import { bootTree } from '../bootloader.js';
import { grubEnvironment } from '../grub-environment.js';
import { initrdImage } from '../initrd.js';
import { findKernel } from '../kernel.js';
import type { Contents, Ingredients } from '../recipe.js';
import { initrdModules } from './modules.js';
import { fullRoot } from './root.js';

/**
 * Interfaces keep the kernel's names, as on boards; no security module that would look for a policy, and no audit, whose
 * records nobody reads; nothing of systemd's own progress on the serial line.
 */
const kernelWords = 'net.ifnames=0 lsm=yama audit=0 systemd.show_status=false';
/** A production image shows a picture on its screen and no cursor. */
const prodKernelWords = `${kernelWords} vt.global_cursor_default=0`;

export async function fullTrees(
  ingredients: Ingredients,
  { withEngine }: { readonly withEngine: boolean },
): Promise<Contents> {
  const { packages, request } = ingredients;
  const kernel = await findKernel(packages);
  const initrd = await initrdImage({ modules: initrdModules, packages, kernel });
  const words = request.variant === 'dev' ? kernelWords : prodKernelWords;
  const board = { slug: 'virt-x86-64', console: 'ttyS0', boot: grubTargets.amd64, kernelWords: words };
  return {
    sectors: grubEnvironment(),
    root: await fullRoot({ ...ingredients, kernel, initrd, slug: board.slug, withEngine }),
    boot: await bootTree({
      ...ingredients,
      board,
      grubModules: 'efi_gop',
    }),
  };
}
