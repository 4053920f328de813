import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';
import type { Kernel } from './kernel.js';

/**
 * Files of the modules `wanted` and of those they depend on, each after what it needs: the order for `insmod`. The
 * dependencies come from the modules' own `.modinfo`, since `modules.dep` is made by depmod on an installed system.
 *
 * @param modules every module file of the kernel; one that it has built in needs no file
 * @throws RigError `image.missing-module` when the kernel has no such module
 */
export async function modulesInOrder(
  wanted: readonly string[],
  { modules, builtIn = new Set() }: Pick<Kernel, 'modules' | 'builtIn'>,
): Promise<string[]> {
  const files = new Map(modules.map((path) => [moduleName(basename(path, '.ko')), path]));
  const ordered = new Set<string>();
  const add = async (name: string): Promise<void> => {
    const file = files.get(moduleName(name));
    if (file === undefined && [...builtIn].some((one) => moduleName(one) === moduleName(name))) return;
    if (file === undefined) throw missingModule(name);
    if (ordered.has(file)) return;
    for (const other of dependencies(await readFile(file))) await add(other);
    ordered.add(file);
  };
  for (const name of wanted) await add(name);
  return [...ordered];
}

/** The kernel takes `-` and `_` for the same in module names. */
function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

function dependencies(module: Buffer): string[] {
  const key = Buffer.from('\0depends=');
  const at = module.indexOf(key);
  if (at < 0) return [];
  const text = module.toString('latin1', at + key.length, module.indexOf(0, at + key.length));
  return text === '' ? [] : text.split(',');
}

function missingModule(name: string): RigError {
  return new RigError(`The kernel package has no module ${JSON.stringify(name)}`, {
    code: 'image.missing-module',
    blame: 'rig',
    hint: "Debian's kernel has changed: the builder's list of modules must follow.",
  });
}
