import type { Architecture } from '../../rig/contracts/board.js';
import { RigError } from '../../rig/contracts/errors.js';
import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { grubTargets, orangePiBoot, type TinyBoot, virtAddresses } from './boot-kinds.js';

/** What differs between the boards that the reference OS is built for. */
export interface TinyBoard {
  /** Name of the reference image, in os-release as SLUG. */
  readonly slug: string;
  readonly arch: Architecture;
  readonly kernelPackage: string;
  readonly boot: TinyBoot;
  /** Kernel name of the disk. */
  readonly disk: string;
  /** Kernel name of its network interface. */
  readonly link: string;
  /** Serial line that the kernel and the getty talk on. */
  readonly console: string;
  /** Words for the kernel besides those of every image. */
  readonly kernelWords?: string;
  /** What tells of the power key; absent: the board has none. */
  readonly powerButton?: 'gpio' | 'acpi';
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
];

const updatePrograms = ['usr/bin/dbus-daemon', 'usr/bin/rauc', 'usr/bin/flock'];

/** The FAT driver asks for its code page and character set by name when it mounts. */
const fatModules = ['vfat', 'nls_cp437', 'nls_ascii'];
const virtioModules = ['virtio_net', 'virtio-rng', ...fatModules];
/** Debian's kernels but the cloud ones have ext4 as a module, which asks for its checksum by name. */
const ext4Modules = ['crc32c_generic', 'ext4'];

/** A bundle is a squashfs behind dm-verity in a loop device. (Debian's RAUC is built without streaming.) */
const updateModules = ['loop', 'dm-verity', 'squashfs'];

/** What a board that chooses between two slots has on top. */
const updates = {
  packages: [...everyPackage, ...updatePackages],
  programs: [...everyProgram, ...updatePrograms],
  updateModules,
};
const ubootTools = {
  packages: ['libubootenv-tool', 'libubootenv0.1'],
  programs: ['usr/bin/fw_printenv', 'usr/bin/fw_setenv'],
};
/** The cloud kernel has no gpio_keys: gpiomon waits for the power key on the PL061 instead. */
const gpioKey = { packages: ['gpiod', 'libgpiod2'], programs: ['usr/bin/gpiomon'] };

/** The network of QEMU's Raspberry Pis is on USB, and so `usb0`: its address is one of local administration (drivers/net/usb/usbnet.c). */
const raspberryPi = {
  disk: 'mmcblk0',
  link: 'usb0',
  // QEMU answers its power domains with an error that the driver takes for a reason to panic, and its I2C with a clock of zero.
  kernelWords: 'initcall_blacklist=bcm2835_power_driver_init,bcm2835_i2c_driver_init',
  packages: [...everyPackage, 'libgcc-s1'],
  programs: everyProgram,
  initrdModules: ['bcm2835', 'sdhci-iproc', ...ext4Modules],
  rootModules: ['dwc2', 'cdc_ether', 'bcm2835-rng', 'bcm2835_wdt', 'leds-gpio', ...fatModules],
  updateModules: [],
} as const;

export const tinyBoards = {
  'virt-arm64': {
    slug: 'virt-arm64',
    arch: 'arm64',
    kernelPackage: 'linux-image-cloud-arm64',
    boot: { kind: 'u-boot', command: 'booti', medium: 'virtio', at: virtAddresses },
    disk: 'vda',
    link: 'eth0',
    console: 'ttyAMA0',
    powerButton: 'gpio',
    packages: [...updates.packages, ...gpioKey.packages, ...ubootTools.packages],
    programs: [...updates.programs, ...gpioKey.programs, ...ubootTools.programs],
    initrdModules: ['virtio_mmio', 'virtio_blk'],
    rootModules: virtioModules,
    updateModules,
  },
  'virt-x86-64': {
    slug: 'virt-x86-64',
    arch: 'amd64',
    kernelPackage: 'linux-image-cloud-amd64',
    boot: grubTargets.amd64,
    disk: 'vda',
    link: 'eth0',
    console: 'ttyS0',
    powerButton: 'acpi',
    packages: [...updates.packages, grubTargets.amd64.package],
    programs: updates.programs,
    initrdModules: ['virtio_pci', 'virtio_blk'],
    rootModules: [...virtioModules, 'evdev', 'button'],
    updateModules,
  },
  'virt-arm64-uefi': {
    slug: 'virt-arm64-uefi',
    arch: 'arm64',
    kernelPackage: 'linux-image-cloud-arm64',
    boot: grubTargets.arm64,
    disk: 'vda',
    link: 'eth0',
    console: 'ttyAMA0',
    powerButton: 'gpio',
    packages: [...updates.packages, ...gpioKey.packages, grubTargets.arm64.package],
    programs: [...updates.programs, ...gpioKey.programs],
    initrdModules: ['virtio_pci', 'virtio_blk'],
    rootModules: virtioModules,
    updateModules,
  },
  'virt-armhf': {
    slug: 'virt-armhf',
    arch: 'armhf',
    kernelPackage: 'linux-image-armmp',
    boot: {
      kind: 'u-boot',
      command: 'bootz',
      medium: 'virtio',
      at: { ...virtAddresses, kernel: '0x42000000' },
    },
    disk: 'vda',
    link: 'eth0',
    console: 'ttyAMA0',
    powerButton: 'gpio',
    packages: [...updates.packages, 'libgcc-s1', ...gpioKey.packages, ...ubootTools.packages],
    programs: [...updates.programs, ...gpioKey.programs, ...ubootTools.programs],
    initrdModules: ['virtio_mmio', 'virtio_blk', ...ext4Modules],
    rootModules: virtioModules,
    updateModules,
  },
  'pc-x86-64': {
    slug: 'pc-x86-64',
    arch: 'amd64',
    // The cloud kernel has no AHCI and no network card of Intel's.
    kernelPackage: 'linux-image-amd64',
    boot: grubTargets.amd64,
    disk: 'sda',
    link: 'eth0',
    console: 'ttyS0',
    powerButton: 'acpi',
    packages: [...updates.packages, grubTargets.amd64.package],
    programs: updates.programs,
    initrdModules: ['nvme', 'ahci', 'sd_mod', ...ext4Modules],
    rootModules: ['e1000e', 'virtio-rng', 'virtio_pci', ...fatModules, 'evdev', 'button'],
    updateModules,
  },
  'pc-x86-32': {
    slug: 'pc-x86-32',
    arch: 'i386',
    kernelPackage: 'linux-image-686',
    boot: grubTargets.i386,
    disk: 'sda',
    link: 'eth0',
    console: 'ttyS0',
    powerButton: 'acpi',
    packages: [...updates.packages, 'libgcc-s1', grubTargets.i386.package],
    programs: updates.programs,
    initrdModules: ['ahci', 'sd_mod', ...ext4Modules],
    rootModules: ['e1000', ...fatModules, 'evdev', 'button'],
    updateModules,
  },
  'orangepi-pc': {
    slug: 'orangepi-pc',
    arch: 'armhf',
    kernelPackage: 'linux-image-armmp',
    boot: orangePiBoot,
    disk: 'mmcblk0',
    link: 'eth0',
    console: 'ttyS0',
    packages: [...updates.packages, 'libgcc-s1', ...ubootTools.packages, 'u-boot-sunxi'],
    programs: [...updates.programs, ...ubootTools.programs],
    initrdModules: ['sunxi-mmc', ...ext4Modules],
    rootModules: ['dwmac-sun8i', ...fatModules, 'leds-gpio'],
    updateModules,
  },
  sabrelite: {
    slug: 'sabrelite',
    arch: 'armhf',
    kernelPackage: 'linux-image-armmp',
    boot: { kind: 'firmware-files', deviceTrees: ['imx6q-sabrelite.dtb'] },
    disk: 'mmcblk3',
    link: 'eth0',
    console: 'ttymxc1',
    packages: [...everyPackage, 'libgcc-s1'],
    programs: everyProgram,
    // The regulator and the GPIO controllers come first: what hangs on them is not looked for again in time.
    initrdModules: ['gpio-mxc', 'anatop-regulator', 'sdhci-esdhc-imx', ...ext4Modules],
    rootModules: ['fec', 'imx2_wdt', ...fatModules],
    updateModules: [],
  },
  'raspi-armel': {
    slug: 'raspi-armel',
    arch: 'armel',
    kernelPackage: 'linux-image-rpi',
    boot: { kind: 'firmware-files', deviceTrees: ['bcm2835-rpi-zero.dtb', 'bcm2835-rpi-a-plus.dtb'] },
    ...raspberryPi,
    console: 'ttyAMA0',
  },
  raspi2b: {
    slug: 'raspi2b',
    arch: 'armhf',
    kernelPackage: 'linux-image-armmp',
    boot: { kind: 'firmware-files', deviceTrees: ['bcm2836-rpi-2-b.dtb'] },
    ...raspberryPi,
    console: 'ttyAMA0',
  },
  raspi3b: {
    slug: 'raspi3b',
    arch: 'arm64',
    kernelPackage: 'linux-image-arm64',
    boot: { kind: 'firmware-files', deviceTrees: ['broadcom/bcm2837-rpi-3-b.dtb'] },
    ...raspberryPi,
    console: 'ttyS1',
  },
} as const satisfies Readonly<Record<string, TinyBoard>>;

/** The board that a request without a board means. */
const firstOf: Readonly<Partial<Record<Architecture, keyof typeof tinyBoards>>> = {
  arm64: 'virt-arm64',
  amd64: 'virt-x86-64',
  armhf: 'virt-armhf',
  i386: 'pc-x86-32',
  armel: 'raspi-armel',
};

/**
 * The board that the tiny image of `request` is made for.
 *
 * @throws RigError `image.no-reference` (blame: config)
 */
export function tinyBoardOf({ arch, board }: Pick<BuildRequest, 'arch' | 'board'>): TinyBoard {
  const name = board ?? firstOf[arch];
  const found: TinyBoard | undefined =
    name !== undefined && Object.hasOwn(tinyBoards, name)
      ? tinyBoards[name as keyof typeof tinyBoards]
      : undefined;
  if (found?.arch === arch) return found;
  const known = Object.values(tinyBoards).filter((one) => one.arch === arch);
  throw new RigError(`There is no tiny reference image ${name ?? ''} for ${arch}`.replace('  ', ' '), {
    code: 'image.no-reference',
    blame: 'config',
    hint: `For ${arch} there are: ${known.map(({ slug }) => slug).join(', ') || 'none'}.`,
  });
}

/** Sizes of the partitions, in order. FAT32 needs 65525 clusters of at least a sector: 33 MiB. */
export const layoutMiB = { boot: 48, rootA: 72, rootB: 72, state: 16, data: 32 } as const;

/** How long a board has, once it is ready, until every health check has passed. */
export const healthGraceSeconds = 30;

/** Time stamp of every file and file system, and the earliest time a board takes for true: 2025-01-01 UTC. */
export const sourceDateEpoch = 1_735_689_600;
