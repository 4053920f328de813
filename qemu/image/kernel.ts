import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';

/** A kernel among the unpacked packages. */
export interface Kernel {
  readonly image: string;
  /** Files of its modules. */
  readonly modules: readonly string[];
  /** Names of what other kernels have as modules and this one holds itself. */
  readonly builtIn?: ReadonlySet<string>;
}

/** The kernel and its modules among the unpacked packages. */
export async function findKernel(packages: string): Promise<Kernel> {
  const version = await kernelVersion(packages);
  const folder = join(packages, 'lib/modules', version);
  const entries = await readdir(join(folder, 'kernel'), { recursive: true });
  const builtIn = await readFile(join(folder, 'modules.builtin'), 'utf8');
  return {
    image: join(packages, 'boot', `vmlinuz-${version}`),
    modules: entries.filter((file) => file.endsWith('.ko')).map((file) => join(folder, 'kernel', file)),
    builtIn: new Set(builtIn.split('\n').map((line) => basename(line, '.ko'))),
  };
}

/** A device tree of the kernel package, by its path in the package's folder of them. */
export async function deviceTreeFile(packages: string, file: string): Promise<string> {
  return join(packages, 'usr/lib', `linux-image-${await kernelVersion(packages)}`, file);
}

async function kernelVersion(packages: string): Promise<string> {
  const names = await readdir(join(packages, 'boot'));
  const name = names.find((one) => one.startsWith('vmlinuz-'));
  if (name === undefined) throw missingLibrary('vmlinuz', "Debian's kernel package");
  return name.slice('vmlinuz-'.length);
}

export function missingLibrary(name: string, asker: string): RigError {
  return new RigError(`Cannot find ${name}, which ${asker} must hold or needs, in the unpacked packages`, {
    code: 'image.missing-file',
    blame: 'rig',
    hint: "Debian's packages have changed: the builder's list must follow.",
  });
}
