import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeCpio } from './cpio.js';
import { guestFile } from './guest-files.js';
import type { Kernel } from './kernel.js';
import { modulesInOrder } from './kernel-modules.js';
import { FileTree } from './tree.js';

/** The initial RAM disk: busybox, the modules that lead to the disk, and a script. Not compressed: unpacking costs more than loading. */
export async function initrdImage(options: {
  /** Names of the modules that lead to the root. */
  readonly modules: readonly string[];
  readonly packages: string;
  readonly kernel: Kernel;
}): Promise<Buffer> {
  const tree = new FileTree();
  for (const path of ['dev', 'proc', 'sys', 'root']) tree.directory(path);
  const busybox = { data: await readFile(join(options.packages, 'bin/busybox')) };
  tree.file('bin/busybox', busybox, { mode: 0o755 });
  tree.file('init', await guestFile('initrd-init.sh'), { mode: 0o755 });
  const modules = await modulesInOrder(options.modules, options.kernel);
  for (const file of modules) tree.file(`modules/${basename(file)}`, { from: file });
  tree.file('modules/order', modules.map((file) => `${basename(file)}\n`).join(''));
  return await writeCpio(tree);
}
