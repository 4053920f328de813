import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { BuiltImage } from '../../rig/contracts/image-builder.js';
import { diskFull, isDiskFull } from './disk-full.js';
import { bmapPathOf, manifestPathOf } from './manifest.js';
import { Toolbox } from './toolbox.js';

/**
 * Copies a built image with its block map, manifest and ssh key into `folder`, sparse as it is.
 *
 * @throws RigError `image.disk-full`, `process.failed`
 */
export async function copyImage(
  image: BuiltImage,
  { folder, signal }: { readonly folder: string } & Cancellable,
): Promise<BuiltImage> {
  try {
    await mkdir(folder, { recursive: true });
    const path = join(folder, basename(image.path));
    const tools = new Toolbox({ workDir: folder, signal });
    // The manifest names the image's time of modification, which therefore stays.
    const how = ['--sparse=always', '--reflink=auto', '--preserve=timestamps,mode', '--remove-destination'];
    await tools.run('cp', [...how, '--', image.path, path]);
    await copyFile(image.bmapPath, bmapPathOf(path));
    await copyFile(image.manifestPath, manifestPathOf(path));
    const copy = { ...image, path, bmapPath: bmapPathOf(path), manifestPath: manifestPathOf(path) };
    if (image.sshKeyFile === undefined) return copy;
    const sshKeyFile = path.replace(/\.img$/, '.key');
    await copyFile(image.sshKeyFile, sshKeyFile);
    await chmod(sshKeyFile, 0o600);
    return { ...copy, sshKeyFile };
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
}
