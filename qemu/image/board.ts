import type { BuildRequest } from '../../rig/contracts/image-builder.js';

type Arch = BuildRequest['arch'];

/** What differs between the boards that the reference OS is built for. */
export interface TinyBoard {
  /** Name of the board type, in os-release as SLUG. */
  readonly slug: string;
  readonly kernelPackage: string;
  /** GNU triplet, as in the library folders. */
  readonly triplet: string;
  /** Kernel name of the disk. */
  readonly disk: string;
  /** Serial line that the kernel and the getty talk on. */
  readonly console: string;
  /** Packages beyond those of every board. */
  readonly packages: readonly string[];
  /** Programs (besides busybox) taken from the packages into the image, by their path. */
  readonly programs: readonly string[];
  /** Modules that the initrd loads to reach the disk, those that the root loads after, and those that an update needs. */
  readonly initrdModules: readonly string[];
  readonly rootModules: readonly string[];
  readonly updateModules: readonly string[];
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

/** RAUC with D-Bus, over which its parts talk, and what their libraries ask for. */
const updatePackages = `
  dbus-daemon libapparmor1 libaudit1 libbrotli1 libcap-ng0 libcap2 libcurl3-gnutls libdbus-1-3 libexpat1 libffi8 libgcrypt20
  libglib2.0-0 libgnutls30 libgpg-error0 libgssapi-krb5-2 libhogweed6 libidn2-0 libjson-glib-1.0-0 libk5crypto3 libkeyutils1
  libkrb5-3 libkrb5support0 libldap-2.5-0 liblz4-1 liblzma5 libmount1 libnettle8 libnghttp2-14 libp11-kit0 libpcre2-8-0
  libpsl5 librtmp1 libsasl2-2 libselinux1 libssh2-1 libssl3 libsystemd0 libtasn1-6 libunistring2 libzstd1 rauc
`
  .trim()
  .split(/\s+/);

const everyProgram = [
  'usr/sbin/dropbear',
  'usr/bin/dropbearkey',
  'sbin/sfdisk',
  'sbin/resize2fs',
  'usr/bin/resizepart',
  'usr/bin/dbus-daemon',
  'usr/bin/rauc',
  'usr/bin/flock',
];

/** The FAT driver asks for its code page and character set by name when it mounts. */
const everyModule = ['virtio_net', 'virtio-rng', 'vfat', 'nls_cp437', 'nls_ascii'];

/** A bundle is a squashfs behind dm-verity in a loop device. (Debian's RAUC is built without streaming.) */
const updateModules = ['loop', 'dm-verity', 'squashfs'];

export const tinyBoards: Readonly<Record<Arch, TinyBoard>> = {
  arm64: {
    slug: 'virt-arm64',
    kernelPackage: 'linux-image-cloud-arm64',
    triplet: 'aarch64-linux-gnu',
    disk: 'vda',
    console: 'ttyAMA0',
    // The cloud kernel has no gpio_keys: gpiomon waits for the power key on the PL061 instead.
    packages: [
      ...everyPackage,
      ...updatePackages,
      'gpiod',
      'libgpiod2',
      'libubootenv-tool',
      'libubootenv0.1',
    ],
    programs: [...everyProgram, 'usr/bin/gpiomon', 'usr/bin/fw_printenv', 'usr/bin/fw_setenv'],
    initrdModules: ['virtio_mmio', 'virtio_blk'],
    rootModules: everyModule,
    updateModules,
  },
  amd64: {
    slug: 'virt-x86-64',
    kernelPackage: 'linux-image-cloud-amd64',
    triplet: 'x86_64-linux-gnu',
    disk: 'vda',
    console: 'ttyS0',
    packages: [...everyPackage, ...updatePackages, 'grub-efi-amd64-bin'],
    programs: everyProgram,
    initrdModules: ['virtio_pci', 'virtio_blk'],
    rootModules: [...everyModule, 'evdev', 'button'],
    updateModules,
  },
};

/** Sizes of the partitions, in order. FAT32 needs 65525 clusters of at least a sector: 33 MiB. */
export const layoutMiB = { boot: 48, rootA: 72, rootB: 72, state: 16, data: 32 } as const;

/** How long a board has, once it is ready, until every health check has passed. */
export const healthGraceSeconds = 30;

/** Time stamp of every file and file system, and the earliest time a board takes for true: 2025-01-01 UTC. */
export const sourceDateEpoch = 1_735_689_600;
