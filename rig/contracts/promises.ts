import type { UpdatePromise } from './update.js';

/** One value for a development image, one for a production image. */
export interface ByVariant<T> {
  readonly dev: T;
  readonly prod: T;
}

/**
 * Behaviours that a product may promise, each a section of its profile (`rig/profiles/*.yaml`). A section that is missing is
 * not promised, and what tests it is skipped with that reason. Commands are run by root on the board.
 */
export interface ProductPromises {
  /** TCP ports that others can reach, ssh's included and the engine's not: it comes on top where there is an engine. */
  readonly openPorts?: ByVariant<readonly number[]>;
  /** The one file of configuration, on the boot partition; a broken one must not stop the boot. */
  readonly config?: {
    /** From the boot partition's root. */
    readonly file: string;
    /** What the system writes to the kernel log or the console of a broken file (regular expression source). */
    readonly complaint: string;
  };
  /** A change of that file takes effect on the running system. */
  readonly liveConfig?: { readonly command: string };
  /** Services are systemd's units. */
  readonly systemd?: {
    /** Services that must outlive the others when memory runs out, in a mount namespace of their own; running at all times. */
    readonly critical: readonly string[];
    /** `oom_score_adj` of those (proc(5)), at most. */
    readonly oomScoreAdjust: number;
  };
  /** Devices of the partitions by what they are for: FOLDER/ACTIVE is the running root, FOLDER/LABEL each other partition. */
  readonly stateLinks?: { readonly folder: string; readonly active: string; readonly inactive: string };
  /** A partition that was not left clean is repaired before it is mounted. */
  readonly repair?: true;
  /** Memory takes the place of a partition that cannot be repaired: the board boots all the same. */
  readonly substitute?: { readonly report: string };
  /** Makes the partitions empty at the next boot. */
  readonly purge?: { readonly command: string; readonly wipes: readonly ('state' | 'data')[] };
  /** Swap is one compressed disk in memory; the device without /dev/. */
  readonly swap?: { readonly device: string };
  /** The hardware watchdog that systemd feeds. */
  readonly watchdog?: { readonly device: string; readonly seconds: number };
  /** Logs are kept in memory, at most so much, and on the state partition only if config.json's `persistentLogging` says so. */
  readonly journal?: {
    readonly memoryMiB: number;
    readonly volatile: string;
    readonly persistent: string;
  };
  /** The system writes its own log to the state partition, where it can be read when the board is dead. */
  readonly bootRecord?: { readonly file: string };
  /** NetworkManager runs the network, and takes connections from this folder of the boot partition. */
  readonly networkManager?: { readonly connections: string };
  /** Names are resolved by a resolver of the board's own; config.json's `dnsServers` says whom it asks. */
  readonly resolver?: { readonly address: string };
  /** The clock follows config.json's `ntpServers`, and a wrong one is put right. */
  readonly timeSync?: { readonly withinSeconds: number };
  /** The board answers to HOSTNAME.local. */
  readonly mdns?: ByVariant<boolean>;
  /** config.json's `os.sshKeys`: root's further keys. */
  readonly sshKeys?: true;
  /** config.json's `os.udevRules`. */
  readonly udevRules?: true;
  /** ModemManager finds modems, and says nothing where there is none. */
  readonly modems?: true;
  /** Wifi through NetworkManager, as client and as access point; config.json's `country` says what radios may send. */
  readonly wifi?: true;
  /** A VPN client that stays off until its configuration is there. */
  readonly vpn?: { readonly unit: string; readonly config: string };
  /** What the first virtual terminal shows: a login, or a picture without text. */
  readonly screen?: ByVariant<'login' | 'picture'>;
  readonly engine?: EnginePromise;
  /** The system updates itself into another slot, and its bootloader returns to the old one when the new one is not good. */
  readonly update?: UpdatePromise;
}

/** The container engine. */
export interface EnginePromise {
  /** The command that a person types. */
  readonly command: string;
  /** TCP port of its interface where it is open. */
  readonly port: ByVariant<number | null>;
  /** Its service, and the name of the process in it that runs the containers. */
  readonly unit: string;
  readonly runtime: string;
  /** The service is restarted when either hangs for so long (systemd.service(5), WatchdogSec). */
  readonly watchdogSeconds: number;
  /** An image that every board has, with a shell and a health check. */
  readonly image: string;
  /** In a container of that image: healthy while this file exists. */
  readonly healthFile: string;
  /** Where a container asks for names. */
  readonly nameServer: string;
}

export type PromiseName = keyof ProductPromises;

/** Images of a product that keep fewer promises than its profile makes, told apart by a field of os-release. */
export interface Edition {
  readonly when: { readonly field: string; readonly matches: string };
  readonly lacks: readonly PromiseName[];
}
