import type { Architecture } from '../../rig/contracts/board.js';

/** Who brings the kernel of the reference OS to memory, and what is particular about it. */
export type TinyBoot = UBootKind | GrubKind | FirmwareFilesKind;

/** U-Boot runs the boot partition's script, which chooses a slot. */
export interface UBootKind {
  readonly kind: 'u-boot';
  /** `booti` takes an arm64 `Image`, `bootz` an arm `zImage`. */
  readonly command: 'booti' | 'bootz';
  /** U-Boot's name of the kind of medium that it boots from. */
  readonly medium: 'virtio' | 'mmc';
  readonly at: UBootAddresses;
  /** Of the kernel package, loaded from the slot; absent: the one that U-Boot was started with. */
  readonly deviceTree?: string;
  /** U-Boot itself, of the packages, which the boot ROM reads from the medium. */
  readonly firmware?: { readonly file: string; readonly offsetBytes: number };
  /** Where its two copies of the environment lie; absent: in front of the first partition, as `environmentCopies` has it. */
  readonly environmentAt?: readonly [number, number];
  /** Of the partition table, where not all 128 have room. */
  readonly tableEntries?: number;
}

/** Where the script puts what it loads, in hexadecimal. */
export interface UBootAddresses {
  readonly kernel: string;
  readonly initrd: string;
  /** For the device tree of the slot. */
  readonly deviceTree: string;
  /** Two copies of the environment, and a little room. */
  readonly first: string;
  readonly second: string;
  readonly spare: string;
}

/** GRUB on UEFI, whose script chooses a slot. */
export interface GrubKind {
  readonly kind: 'grub';
  /** GRUB's name of the platform. */
  readonly target: 'x86_64-efi' | 'arm64-efi' | 'i386-efi';
  /** Where UEFI looks on a removable medium (UEFI Specification 2.10, 3.5.1.1). */
  readonly file: string;
  readonly package: string;
  /** Its terminal: the serial port, or where it knows none the firmware's console on it. */
  readonly terminal: 'serial' | 'console';
}

/** The board's firmware loads files of the boot partition: no choice of a slot, and so no updates. */
export interface FirmwareFilesKind {
  readonly kind: 'firmware-files';
  /** Device trees of the kernel package, from its folder of them. */
  readonly deviceTrees: readonly string[];
}

/** Boards with memory from 0x40000000, 256 MiB of it or more. */
export const virtAddresses: UBootAddresses = {
  kernel: '0x40400000',
  initrd: '0x44000000',
  deviceTree: '0x43800000',
  first: '48000000',
  second: '48010000',
  spare: '48020000',
};

/**
 * The boot ROM of Allwinner's H3 reads U-Boot's first part from 8 KiB of the card (linux-sunxi.org, "BROM", "Bootable SD card"), so that the
 * partition table ends before (`tableEntries`) and the environment lies behind U-Boot. Debian has no files of this board: the
 * NanoPi NEO's are for the same chip, memory and serial line.
 */
export const orangePiBoot: UBootKind = {
  kind: 'u-boot',
  command: 'bootz',
  medium: 'mmc',
  at: { ...virtAddresses, kernel: '0x42000000' },
  deviceTree: 'sun8i-h3-orangepi-pc.dtb',
  firmware: { file: 'usr/lib/u-boot/nanopi_neo/u-boot-sunxi-with-spl.bin', offsetBytes: 8 * 1024 },
  environmentAt: [2 * 1024 * 1024, 3 * 1024 * 1024],
  tableEntries: 56,
};

export const grubTargets = {
  amd64: {
    kind: 'grub',
    target: 'x86_64-efi',
    file: 'BOOTX64.EFI',
    package: 'grub-efi-amd64-bin',
    terminal: 'serial',
  },
  arm64: {
    kind: 'grub',
    target: 'arm64-efi',
    file: 'BOOTAA64.EFI',
    package: 'grub-efi-arm64-bin',
    terminal: 'console',
  },
  i386: {
    kind: 'grub',
    target: 'i386-efi',
    file: 'BOOTIA32.EFI',
    package: 'grub-efi-ia32-bin',
    terminal: 'serial',
  },
} as const satisfies Readonly<Partial<Record<Architecture, GrubKind>>>;

/** GNU triplets, as in the library folders. */
export const triplets: Readonly<Record<Architecture, string>> = {
  arm64: 'aarch64-linux-gnu',
  amd64: 'x86_64-linux-gnu',
  armhf: 'arm-linux-gnueabihf',
  armel: 'arm-linux-gnueabi',
  i386: 'i386-linux-gnu',
};
