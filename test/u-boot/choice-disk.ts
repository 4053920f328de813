import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bootTree } from '../../qemu/image/bootloader.js';
import { type DiskPart, writeDisk } from '../../qemu/image/disk.js';
import { writeExt4 } from '../../qemu/image/ext4.js';
import { writeFat32 } from '../../qemu/image/fat.js';
import { partitionTypes } from '../../qemu/image/gpt.js';
import { Toolbox } from '../../qemu/image/toolbox.js';
import { FileTree } from '../../qemu/image/tree.js';
import type { ImagePlant } from '../../rig/contracts/image-builder.js';
import { stubKernel } from './stub-kernel.js';

const mebibyte = 1024 * 1024;
const guid = (digit: string): string => `${digit.repeat(8)}-0000-8000-8000-000000000000`;

/** What the kernel of a slot says before it resets the machine. */
export const stubSays = (slot: 'A' | 'B'): string => `stub kernel of slot ${slot}`;

/**
 * A disk with the boot partition of the reference OS for arm64 and two slots that hold a kernel which resets at once, as far as
 * `kernels` names them. Its environment is not written.
 */
export async function writeChoiceDisk(
  file: string,
  options: {
    readonly kernels: readonly ('A' | 'B')[];
    readonly plant?: ImagePlant;
    readonly workDir: string;
  },
): Promise<void> {
  const { kernels, plant, workDir } = options;
  mkdirSync(workDir, { recursive: true });
  const tools = new Toolbox({ workDir });
  const part = (name: string, sizeMiB: number, digit: string): DiskPart => ({
    name,
    typeGuid: name === 'resin-boot' ? partitionTypes.efiSystem : partitionTypes.linux,
    guid: guid(digit),
    sizeBytes: sizeMiB * mebibyte,
    file: join(workDir, name),
    used: [{ first: 0, last: sizeMiB * mebibyte - 1 }],
  });
  const boot = part('resin-boot', 34, '1');
  const tree = await bootTree({
    request: {
      flavour: 'tiny',
      arch: 'arm64',
      variant: 'dev',
      version: '1.0.0',
      ...(plant ? { plant } : {}),
    },
    board: { slug: 'virt-arm64', console: 'ttyAMA0' },
    packages: '/',
    workDir,
    tools,
  });
  await writeFat32(boot.file, {
    label: boot.name,
    volumeId: '12345678',
    sizeBytes: boot.sizeBytes,
    tree,
    workDir,
    tools,
  });
  const slots: DiskPart[] = [];
  for (const slot of ['A', 'B'] as const) {
    const made = part(`resin-root${slot}`, 4, slot === 'A' ? '2' : '3');
    const root = new FileTree().directory('boot');
    if (kernels.includes(slot)) {
      root.file('boot/Image', { data: stubKernel(stubSays(slot)) });
      root.file('boot/initrd', 'nothing');
    }
    await writeExt4(made.file, {
      label: made.name,
      uuid: made.guid,
      sizeBytes: made.sizeBytes,
      tree: root,
      journal: false,
      workDir,
      tools,
    });
    slots.push(made);
  }
  await writeDisk(file, { parts: [boot, ...slots], diskGuid: guid('4') });
}
