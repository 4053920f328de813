import type { BoardType, DeviceProfile, Image, Stage } from './board.js';
import type {
  Cancellable,
  CapabilityName,
  Drive,
  Endpoint,
  GpioEdge,
  LineLevel,
  Link,
  Power,
} from './capabilities.js';
import type { Json } from './errors.js';
import type { WriteMediumOptions, WrittenMedium } from './medium-writer.js';
import type { Random } from './random.js';
import type { BoardUpdate, Bundle, WantedBundle } from './update.js';

/** Any time-out that a suite gives is for a host of reference speed; the rig scales it on virtual boards. */
export interface WaitOptions extends Cancellable {
  readonly timeoutMs?: number;
}

/**
 * The state a test starts from. `fresh`: the image newly provisioned, powered off. `off`: powered off, the medium
 * as it is. `bootloader`: the image newly provisioned, powered on, and the bootloader has just shown itself; the boot goes on by
 * itself. `shell`: running, a Shell answers. `any`: whatever is there.
 */
export type StartState = 'fresh' | 'off' | 'bootloader' | 'shell' | 'any';

/** What a test leaves changed when it passed; after a failure nothing is trusted. `memory` is undone by a reboot, `disk` by provisioning, `network` by link up. */
export type Dirt = 'nothing' | 'memory' | 'disk' | 'network';

/** `smoke` runs in `npm start`, `pr` also in `npm test`, `nightly` only in the full run. A run selects one tier and those before it. */
export type Tier = 'smoke' | 'pr' | 'nightly';

export interface SuiteOptions {
  /** One sentence for reports and `rig run --list`. */
  readonly summary: string;
  /** Capabilities that every test of the suite needs. */
  readonly needs?: readonly CapabilityName[];
}

export interface TestOptions {
  readonly from?: StartState;
  readonly dirties?: Dirt;
  readonly needs?: readonly CapabilityName[];
  readonly tier?: Tier;
  /** Allowed time for the body, on a host of reference speed. Reaching the start state has its own budget. */
  readonly deadlineMs?: number;
  /** Boards of the same type needed at once; the test finds them in `t.boards`. */
  readonly boards?: number;
  /** The image's variant that the test is about; default: the run's. */
  readonly variant?: 'dev' | 'prod';
}

export interface TestDefinition {
  readonly name: string;
  readonly options: Required<Pick<TestOptions, 'from' | 'dirties' | 'tier' | 'deadlineMs' | 'boards'>> &
    TestOptions;
  readonly body: TestBody;
}

export interface SuiteDefinition {
  readonly name: string;
  readonly options: SuiteOptions;
  readonly tests: readonly TestDefinition[];
}

export type TestBody = (t: TestContext) => Promise<void> | void;

/** Assertions return whether they held; a failed one fails the test and the body goes on, except `require`. */
export interface Assertions {
  ok(value: unknown, message?: string): boolean;
  notOk(value: unknown, message?: string): boolean;
  equal(found: unknown, wanted: unknown, message?: string): boolean;
  not(found: unknown, unwanted: unknown, message?: string): boolean;
  /** Deep equality. */
  same(found: unknown, wanted: unknown, message?: string): boolean;
  match(found: string, pattern: RegExp | string, message?: string): boolean;
  notMatch(found: string, pattern: RegExp | string, message?: string): boolean;
  fail(message: string, diagnostic?: Json): boolean;
  pass(message: string): boolean;
  /** Ends the test at once when `value` is falsy, for what the rest of the body stands on. */
  require(value: unknown, message: string): asserts value;
}

export interface TestContext extends Assertions {
  readonly board: Board;
  /** `board` first; as many as the test's `boards`. */
  readonly boards: readonly Board[];
  readonly host: HostServices;
  /** The same values again for the same seed of the run, test and attempt. */
  readonly random: Random;
  /** Aborts when the test's time is over or the run ends. */
  readonly signal: AbortSignal;
  /** A named part of the test, with its own line in the reports. Steps nest. */
  step<T>(name: string, body: () => Promise<T> | T): Promise<T>;
  measure(name: string, value: number, unit: string): void;
  /** Keeps a file with the evidence of this test, whatever comes of the test. */
  keep(name: string, content: Uint8Array): Promise<void>;
  /** Ends the test as skipped. Before it changes anything: the board counts as clean, whatever the test dirties when it passes. */
  skip(reason: string): never;
  /** Polls until `condition` returns a truthy value, which it returns; fails the board after `timeoutMs`. */
  eventually<T>(
    what: string,
    condition: () => Promise<T | undefined | false | null>,
    options?: WaitOptions & { readonly everyMs?: number },
  ): Promise<T>;
}

/** What the rig offers to boards on its own network. */
export interface HostServices {
  /** Serves `body` over HTTP to any board until the test ends. */
  serveHttp(body: string): Promise<{
    readonly port: number;
    readonly requests: readonly { readonly path: string; readonly from: string }[];
  }>;
  /** Answers datagrams to any board until the test ends; `answer` may return nothing; what it throws is an error of the run. */
  serveUdp(
    answer: (datagram: Uint8Array) => Uint8Array | undefined,
  ): Promise<{ readonly port: number; readonly received: number }>;
  /**
   * Looks at something past the board and the rig (a page through an endpoint, a measuring device) and records what `look`
   * returns, or how it failed: a replay reads that and does not call `look`.
   *
   * @param what says what is looked at, the same words whenever it is the same
   */
  observe<T extends Json | undefined>(what: string, look: () => Promise<T>): Promise<T>;
  /**
   * Another image than the run's, made from it, for this test alone.
   *
   * @returns undefined where the rig cannot make one: another version of an image that it did not build
   */
  image(wanted: DerivedImage): Promise<Image | undefined>;
  /** An update for the board's product, for this test alone; undefined where the rig cannot make one. */
  bundle(wanted: WantedBundle): Promise<Bundle | undefined>;
}

/** What another image has that the run's has not. */
export type DerivedImage =
  | { readonly version: string }
  | {
      readonly config: Readonly<Record<string, Json>>;
      readonly connections?: Readonly<Record<string, string>>;
    };

/** Lines of the board that the rig sees. */
export interface BoardGpio {
  lines(): Promise<readonly string[]>;
  read(line: string, options?: Cancellable): Promise<LineLevel>;
  /** Every change of `line` from when this resolves until the watch is disposed. */
  watch(line: string, options?: Cancellable): Promise<LineWatch>;
}

export interface LineWatch extends AsyncDisposable {
  /** In the order seen; it grows. */
  readonly edges: readonly GpioEdge[];
}

/** Jumpers that choose what the board boots from, the normal mode first. Needs `bootMode`. */
export interface BoardBootMode {
  modes(): Promise<readonly string[]>;
  /**
   * Powers the board off first. Counts from the next power-on; the end of the session puts the normal mode back.
   *
   * @throws RigError `boot-mode.unknown`
   */
  set(mode: string, options?: Cancellable): Promise<void>;
}

/** What the board shows to a person. */
export interface BoardScreen {
  /** A picture of the display, now. Needs `capture`. @throws RigError `capture.unreadable` when the rig cannot read what came */
  picture(options?: Cancellable): Promise<Picture>;
}

/** `rgb`: red, green and blue, a byte each, row by row from the top left; `png`: the same as it came, to be kept. */
export interface Picture {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly rgb: Uint8Array;
  readonly png: Uint8Array;
}

/** The medium of the board, as the rig can take it out. Whoever changes it says so (`dirties: 'disk'`). */
export interface BoardMedium {
  /** Powers the board off, takes the medium to the rig for `body`, and puts it back whatever `body` comes to. Needs `mux`. */
  atRig<T>(body: (drive: Drive) => Promise<T>): Promise<T>;
  /** Writes the drive and reads it back. @throws RigError `flash.…` */
  write(image: Image, drive: Drive, options?: WriteMediumOptions): Promise<WrittenMedium>;
  /** Reads back what `image` maps. @throws RigError `flash.read-back-differs` */
  verify(image: Image, drive: Drive, options?: Cancellable): Promise<void>;
}

/** A board as a suite sees it. The same whether QEMU plays it or wires lead to it. */
export interface Board {
  readonly name: string;
  readonly type: BoardType;
  readonly profile: DeviceProfile;
  readonly image: Image | undefined;
  has(capability: CapabilityName): boolean;
  readonly power: Power & {
    /** Off, the board type's settle time, on. Marks the console first. */
    cycle(options?: Cancellable): Promise<void>;
  };
  readonly link: Link;
  readonly gpio: BoardGpio;
  readonly screen: BoardScreen;
  readonly medium: BoardMedium;
  readonly bootMode: BoardBootMode;
  /** What its profile says of updates. */
  readonly update: BoardUpdate;
  readonly console: Console;
  /** ssh where the board has it, else the console. */
  readonly shell: Shell;
  readonly ssh: Shell;
  readonly consoleShell: Shell;
  /** Puts `image` on the board as its type says (`flash`); afterwards the board is off. Say so: `dirties: 'disk'`. */
  provision(image: Image): Promise<void>;
  /** Powers on if need be and waits until a Shell answers. */
  boot(options?: WaitOptions): Promise<BootRecord>;
  /** Asks the running system to reboot, once, and waits until a Shell answers under a new boot id. */
  reboot(options?: WaitOptions): Promise<BootRecord>;
  /** Asks the running system to power off and waits until it has. */
  shutdown(options?: WaitOptions): Promise<void>;
  /** Pulls the reset line. */
  reset(options?: Cancellable): Promise<void>;
  /** The last boot of the present epoch. */
  lastBoot(): BootRecord;
  /** `/proc/sys/kernel/random/boot_id` (Linux, Documentation/admin-guide/sysctl/kernel.rst). */
  bootId(): Promise<string>;
  endpoint(port: number, options?: Cancellable): Promise<Endpoint>;
  /** Whether the board's ssh server lets its user in this way; rejects when no server answered. */
  sshAccepts(login: SshLogin, options?: WaitOptions): Promise<boolean>;
  /** The address under which the board reaches this host. */
  hostAddress(): Promise<string>;
}

/** A way to log in over ssh (RFC 4252): `none` offers no credential at all, `key` the image's own unless another is given. */
export type SshLogin =
  | { readonly method: 'none' }
  | { readonly method: 'password'; readonly password: string }
  /** In OpenSSH's format (openssh-portable, PROTOCOL.key). */
  | { readonly method: 'key'; readonly privateKey?: string };

/** When each stage was seen, in milliseconds since the epoch began, in the order seen. */
export interface BootRecord {
  readonly epoch: number;
  readonly stages: readonly { readonly stage: Stage; readonly ms: number }[];
}

export interface ShellResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** Over the console both streams are one, in `stdout`. */
  readonly stderr: string;
}

export interface Shell {
  /** Runs one POSIX shell command line. Resolves whatever its exit code; rejects when there was no answer. */
  run(command: string, options?: WaitOptions): Promise<ShellResult>;
  /** `run` that rejects (blame: board) unless the exit code is 0; standard output without trailing newlines. */
  text(command: string, options?: WaitOptions): Promise<string>;
}

export interface ConsoleMatch {
  /** Which of the patterns, from 0. */
  readonly index: number;
  readonly text: string;
  readonly groups: readonly (string | undefined)[];
  /** Byte offsets in the console log. */
  readonly start: number;
  readonly end: number;
}

/** A place in the console log; `expect` with `since` sees only what came after it, in its epoch. */
export interface ConsoleMark {
  readonly epoch: number;
  readonly offset: number;
}

export interface Console {
  readonly epoch: number;
  mark(): ConsoleMark;
  /** Waits for the first of `patterns`. Without `since`: from where the last match of this epoch ended. */
  expect(
    patterns: string | RegExp | readonly (string | RegExp)[],
    options?: WaitOptions & { readonly since?: ConsoleMark },
  ): Promise<ConsoleMatch>;
  send(text: string): Promise<void>;
  /** A BREAK: before a letter it is the kernel's SysRq. Rejects with `console.no-break` where the console's driver has none. */
  sendBreak(): Promise<void>;
  /** Text of the present epoch since `mark`, ANSI stripped, at most the last 64 KiB. */
  text(since?: ConsoleMark): string;
  /** Within `body` a kernel panic is awaited, not an error. Rejects when none came. */
  expectPanic<T>(body: () => Promise<T>, options?: WaitOptions): Promise<T>;
  /** Within `body` a reset is awaited. Rejects when none came. */
  expectReset<T>(body: () => Promise<T>, options?: WaitOptions): Promise<T>;
}
