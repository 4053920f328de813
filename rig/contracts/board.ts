import type { CapabilityName } from './capabilities.js';
import type { ByVariant, Edition, ProductPromises } from './promises.js';

/** Debian's names. */
export type Architecture = 'arm64' | 'amd64' | 'armhf' | 'armel' | 'i386';

/** How far a board has come since power-on, in order. `shell` means that a Shell answers. */
export type Stage = 'off' | 'recovery' | 'firmware' | 'bootloader' | 'kernel' | 'init' | 'shell';

/** Text that the console shows when a stage begins: a literal, or a regular expression as a source string. */
export type Signature = { readonly literal: string } | { readonly regexp: string };

/** A board type: data, one YAML file each (`rig/boards/*.yaml`, or a path in lab.yaml). */
export interface BoardType {
  readonly name: string;
  readonly summary: string;
  readonly arch: Architecture;
  /** Present: QEMU plays this board. */
  readonly machine?: MachineSpec;
  /** Capabilities that every board of this type must have; missing one is an error, not a skip. */
  readonly capabilities: readonly CapabilityName[];
  readonly signatures: {
    readonly firmware?: Signature;
    readonly bootloader?: Signature;
    readonly kernel?: Signature;
    readonly init?: Signature;
    /** Where a person types the user name. */
    readonly login?: Signature;
    /** Where a person types a command; a board without it has no shell on its console. */
    readonly prompt?: Signature;
  };
  readonly login?: { readonly user: string; readonly password?: string };
  /** Name of the device profile that judges its images. */
  readonly profile: string;
  readonly flash: 'direct' | 'sd' | 'flasher' | 'netboot' | 'none';
  /** Name of the reference image made for it; absent: the first one of its architecture. */
  readonly image?: string;
  /** Why nobody can vouch for this type: it was written from documents, and no board was run on it. */
  readonly untested?: string;
  /** Documents that its facts come from. */
  readonly sources?: readonly string[];
  /** Kernel log lines at warning level or above that are harmless on this board, besides those of its profile. */
  readonly knownKernelWarnings?: readonly KnownWarning[];
  /** The medium may change sides while the board is on; absent: never. */
  readonly muxUnderPower?: boolean;
  /** How a flasher image tells on this board what it does, for `flash: flasher` and `netboot`. */
  readonly flasher?: FlasherSigns;
  readonly inventory: {
    readonly cpus?: number;
    readonly memoryMiB?: number;
    /** Kernel name of the disk it boots from, without /dev/. */
    readonly disk?: string;
    readonly network?: readonly string[];
    /** LEDs by the kernel's names (/sys/class/leds), each with the name of the GPIO line that shows it, or null. */
    readonly leds?: Readonly<Record<string, string | null>>;
    /** `false`: no clock of it runs while it is off, so that the time is right once the system has asked for it. */
    readonly clock?: boolean;
  };
  /** Allowed time to each stage since power-on, on a host of reference speed. */
  readonly budgetsMs: { readonly [stage in Exclude<Stage, 'off' | 'recovery'>]?: number } & {
    readonly shell: number;
  };
}

/** A flasher image copies itself to the internal storage and powers the board off; meanwhile it shows this. */
export interface FlasherSigns {
  /** The console shows this when the flasher has given up. */
  readonly failed?: Signature;
  /** Name of the line of the LED that blinks while it works. */
  readonly led?: string;
  /** Allowed time from power-on until it powers the board off, on a host of reference speed. */
  readonly budgetMs: number;
}

/** What QEMU needs to play a board. */
export interface MachineSpec {
  /** `-machine` name. */
  readonly model: string;
  readonly cpu: string;
  readonly cpus: number;
  /** How fast the Arm processor's generic timer counts, in hertz, where the firmware says another number than QEMU's 62.5 MHz. */
  readonly timerHz?: number;
  /**
   * `instructions`: its time goes by what it has executed, and keeps up with the host's on the whole. For a machine whose timer is lost for
   * good when the host does something else between two instructions.
   */
  readonly clock?: 'instructions';
  readonly memoryMiB: number;
  readonly boot:
    | {
        readonly kind: 'u-boot';
        readonly image: string;
        readonly environment?: Readonly<Record<string, string>>;
      }
    | {
        readonly kind: 'uefi';
        readonly code: string;
        readonly variables: string;
        /** The firmware keeps its variables from the system; it does not start where it cannot. */
        readonly guarded?: boolean;
      }
    | {
        readonly kind: 'kernel';
        readonly kernel: string;
        readonly initrd?: string;
        readonly append?: string;
      }
    | FirmwareFiles
    /** The machine's own boot ROM starts what lies on the medium. */
    | { readonly kind: 'boot-rom' };
  /** What the kernel says last before a restart that QEMU cannot carry out (no watchdog of that chip): the rig then resets the machine. */
  readonly restartText?: string;
  /** Which of the machine's serial lines the console is; default: the first, 0. */
  readonly serialLine?: number;
  /** Size of the medium that an image is put on, doubled until the image fits; default: the image's own size. */
  readonly mediumMiB?: number;
  /** How the disk hangs on the machine; absent: no disk. */
  readonly disk?: 'virtio-mmio' | 'virtio-pci' | 'nvme' | 'ahci' | 'sdhci-pci' | 'sd';
  /** For `sd`: which of the machine's SD slots; default: the one that the machine makes itself. */
  readonly sdSlot?: number;
  /** A slot for a medium that can be taken out, which the firmware finds before the disk; absent: no slot. */
  readonly slot?: 'virtio-mmio' | 'virtio-pci';
  /** Size of the medium in the slot; default: 512 MiB. */
  readonly cardMiB?: number;
  /** Lines of the machine's GPIO controllers that the rig sees, by name, numbered as `qemu/gpio-registers.ts` has it. */
  readonly lines?: Readonly<Record<string, number>>;
  /** Its firmware asks the network what to boot, before it looks at the disk; the disk is blank until something is written to it. */
  readonly netboot?: boolean;
  readonly nic?: 'virtio-mmio' | 'virtio-pci' | 'e1000' | 'e1000e' | 'usb' | 'on-board';
  readonly rng?: 'virtio-mmio' | 'virtio-pci';
  /** A watchdog timer; when it runs out the machine is reset. */
  readonly watchdog?: 'i6300esb';
  /** A graphics card, for systems that draw on a screen. */
  readonly display?: 'vga';
  /** Guest TCP ports forwarded to free ports of this host. */
  readonly forward: readonly number[];
}

/** Files of the medium's first partition (FAT) that the firmware of the board loads, by their names there. */
export interface FirmwareFiles {
  readonly kind: 'firmware-files';
  readonly kernel: string;
  readonly initrd?: string;
  readonly deviceTree?: string;
  /** A file with one line: words for the kernel. */
  readonly commandLine?: string;
}

/** What a product promises, so that one suite judges many products (`rig/profiles/*.yaml`). */
export interface DeviceProfile extends ProductPromises {
  readonly name: string;
  readonly ssh: { readonly port: number; readonly user: string };
  /** HTTP port that the image answers on, where it has one. */
  readonly httpPort?: number;
  readonly partitions: readonly PartitionPromise[];
  /** Partition labels a root may be on; the first is the one a fresh image boots. */
  readonly roots: readonly string[];
  readonly mounts: { readonly boot: string; readonly state: string; readonly data: string };
  /** Keys of /etc/os-release that must be there, each with what its value must match (regular expression source). */
  readonly osRelease: Readonly<Record<string, string>>;
  readonly consoleLogin: ByVariant<boolean>;
  readonly passwordlessRoot: ByVariant<boolean>;
  readonly editions?: readonly Edition[];
  /** Logs that survive on the medium, as evidence when the board is dead; paths from the partition's root. */
  readonly mediumLogs?: readonly { readonly partition: string; readonly paths: readonly string[] }[];
  /** Kernel log lines at warning level or above that are known and harmless (regular expression sources, with the reason). */
  readonly knownKernelWarnings: readonly KnownWarning[];
}

/** A regular expression source, and why what it matches is no defect. */
export interface KnownWarning {
  readonly pattern: string;
  readonly reason: string;
}

export interface PartitionPromise {
  readonly label: string;
  readonly filesystem: 'vfat' | 'ext4';
  /** Partition type in a GPT (UEFI Specification 2.10, 5.3.3), lower case; absent: any. */
  readonly gptType?: string;
  /** The partition's filesystem is read-only while mounted. */
  readonly readOnly: boolean;
  /** Grows to fill the medium on the first boot. */
  readonly grows?: boolean;
}

/** One board as the lab file (or nothing) gives it: a type, and drivers with their options. */
export interface BoardConfig {
  readonly name: string;
  readonly type: BoardType;
  readonly profile: DeviceProfile;
  readonly labels: readonly string[];
  /** Driver options by role (`power`, `console`, …); empty for a virtual board. */
  readonly drivers: Readonly<Record<string, DriverConfig>>;
  readonly ssh?: { readonly host?: string; readonly port?: number; readonly keyFile?: string };
}

export interface DriverConfig {
  readonly driver: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** An image that was found and looked at. */
export interface Image {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Absent when the image says nothing of it. */
  readonly arch?: Architecture;
  readonly version?: string;
  readonly variant?: 'dev' | 'prod';
  /** Private key file that opens ssh on it, for images made by `rig image build`. */
  readonly sshKeyFile?: string;
}
