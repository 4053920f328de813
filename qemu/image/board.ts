import type { BuildRequest } from '../../rig/contracts/image-builder.js';

type Arch = BuildRequest['arch'];

/** What differs between the boards that the reference OS is built for. */
export interface TinyBoard {
  /** Name of the board type, in os-release as SLUG. */
  readonly slug: string;
  readonly kernelPackage: string;
  /** GNU triplet, as in the library folders. */
  readonly triplet: string;
  /** Serial line that the kernel and the getty talk on. */
  readonly console: string;
  /** Packages beyond those of every board. */
  readonly packages: readonly string[];
  /** Programs (besides busybox) taken from the packages into the image, by their path. */
  readonly programs: readonly string[];
  /** Modules that the initrd loads to reach the disk, and those that the root loads after. */
  readonly initrdModules: readonly string[];
  readonly rootModules: readonly string[];
}

const everyPackage = [
  'busybox-static',
  'dropbear-bin',
  'e2fsprogs',
  'fdisk',
  'libblkid1',
  'libc6',
  'libcom-err2',
  'libcrypt1',
  'libext2fs2',
  'libfdisk1',
  'libgmp10',
  'libreadline8',
  'libsmartcols1',
  'libtinfo6',
  'libtomcrypt1',
  'libtommath1',
  'libuuid1',
  'util-linux',
  'zlib1g',
];

const everyProgram = [
  'usr/sbin/dropbear',
  'usr/bin/dropbearkey',
  'sbin/sfdisk',
  'sbin/resize2fs',
  'usr/bin/resizepart',
];

/** The FAT driver asks for its code page and character set by name when it mounts. */
const everyModule = ['virtio_net', 'virtio-rng', 'vfat', 'nls_cp437', 'nls_ascii'];

export const tinyBoards: Readonly<Record<Arch, TinyBoard>> = {
  arm64: {
    slug: 'virt-arm64',
    kernelPackage: 'linux-image-cloud-arm64',
    triplet: 'aarch64-linux-gnu',
    console: 'ttyAMA0',
    // The cloud kernel has no gpio_keys: gpiomon waits for the power key on the PL061 instead.
    packages: [...everyPackage, 'gpiod', 'libgpiod2'],
    programs: [...everyProgram, 'usr/bin/gpiomon'],
    initrdModules: ['virtio_mmio', 'virtio_blk'],
    rootModules: everyModule,
  },
  amd64: {
    slug: 'virt-x86-64',
    kernelPackage: 'linux-image-cloud-amd64',
    triplet: 'x86_64-linux-gnu',
    console: 'ttyS0',
    packages: [...everyPackage, 'grub-efi-amd64-bin'],
    programs: everyProgram,
    initrdModules: ['virtio_pci', 'virtio_blk'],
    rootModules: [...everyModule, 'evdev', 'button'],
  },
};

/** Sizes of the partitions, in order. FAT32 needs 65525 clusters of at least a sector: 33 MiB. */
export const layoutMiB = { boot: 48, rootA: 64, rootB: 64, state: 16, data: 32 } as const;

/** Time stamp of every file and file system, and the earliest time a board takes for true: 2025-01-01 UTC. */
export const sourceDateEpoch = 1_735_689_600;
