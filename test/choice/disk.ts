import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { tinyBoards } from '../../qemu/image/board.js';
import { bootTree } from '../../qemu/image/bootloader.js';
import { type DiskPart, writeDisk } from '../../qemu/image/disk.js';
import { writeExt4 } from '../../qemu/image/ext4.js';
import { writeFat32 } from '../../qemu/image/fat.js';
import { partitionTypes } from '../../qemu/image/gpt.js';
import { Toolbox } from '../../qemu/image/toolbox.js';
import { FileTree } from '../../qemu/image/tree.js';
import type { ImagePlant } from '../../rig/contracts/image-builder.js';
import { amd64StubKernel } from './amd64-stub-kernel.js';
import { arm64StubKernel } from './arm64-stub-kernel.js';

const mebibyte = 1024 * 1024;
const guid = (digit: string): string => `${digit.repeat(8)}-0000-8000-8000-000000000000`;

/** What the kernel of a slot says before it resets the machine. */
export const stubSays = (slot: 'A' | 'B'): string => `stub kernel of slot ${slot}`;

const machines = {
  arm64: {
    board: tinyBoards['virt-arm64'],
    bootMiB: 34,
    kernel: { path: 'boot/Image', make: arm64StubKernel },
  },
  amd64: {
    board: tinyBoards['virt-x86-64'],
    bootMiB: 40,
    kernel: { path: 'boot/vmlinuz', make: amd64StubKernel },
  },
} as const;

/**
 * A disk with the boot partition of the reference OS, its bootloader made with this host's of the same package, and two slots that hold
 * a kernel which resets at once, as far as `kernels` names them. Its environment is not written.
 */
export async function writeChoiceDisk(
  file: string,
  options: {
    readonly arch: keyof typeof machines;
    readonly kernels: readonly ('A' | 'B')[];
    readonly plant?: ImagePlant;
    readonly workDir: string;
  },
): Promise<void> {
  const { arch, kernels, plant, workDir } = options;
  const { board, bootMiB, kernel } = machines[arch];
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
  const boot = part('resin-boot', bootMiB, '1');
  const tree = await bootTree({
    request: {
      flavour: 'tiny',
      arch,
      variant: 'dev',
      version: '1.0.0',
      ...(plant ? { plant } : {}),
    },
    board,
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
      root.file(kernel.path, { data: kernel.make(stubSays(slot)) });
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
