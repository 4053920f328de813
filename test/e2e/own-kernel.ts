import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { writeCpio } from '../../qemu/image/cpio.js';
import { FileTree } from '../../qemu/image/tree.js';
import type { World } from './world.js';

const init = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
export PATH=/bin PS1='mine> '
exec sh </dev/ttyAMA0 >/dev/ttyAMA0 2>&1
`;

/** Puts `Image` and `initrd` into the world's folder: the kernel and the busybox of the reference image. */
export async function ownKernel(world: World): Promise<void> {
  const built = await world.rig(['image', 'build', 'tiny', '--json']);
  const { path } = JSON.parse(built.stdout) as { path: string };
  const inspected = await world.rig(['image', 'inspect', path, '--json']);
  const { partitions } = JSON.parse(inspected.stdout) as {
    partitions: readonly { name: string; startBytes: number }[];
  };
  const root = partitions.find(({ name }) => name === 'resin-rootA');
  const take = (from: string, to: string): string => {
    const file = join(world.cwd, to);
    const medium = `${path}?offset=${root?.startBytes}`;
    execFileSync('debugfs', ['-R', `dump ${from} ${file}`, medium], { stdio: 'pipe' });
    return file;
  };
  take('/boot/Image', 'Image');
  const tree = new FileTree().directory('dev').directory('proc');
  tree.file('bin/busybox', { from: take('/bin/busybox', 'busybox') }, { mode: 0o755 });
  tree.file('init', init, { mode: 0o755 });
  world.write({ initrd: await writeCpio(tree) });
}
