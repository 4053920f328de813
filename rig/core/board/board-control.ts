import type { BoardConfig, BoardType, DeviceProfile, Image, Stage } from '../../contracts/board.js';
import type {
  Cancellable,
  CapabilityName,
  Endpoint,
  Link,
  MediumState,
} from '../../contracts/capabilities.js';
import type { DeviceEvent } from '../../contracts/driver.js';
import { RigError } from '../../contracts/errors.js';
import type { EventBody } from '../../contracts/events.js';
import type { BoardSession } from '../../contracts/session.js';
import type { Board, BootRecord, Shell, SshLogin, WaitOptions } from '../../contracts/suite.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { pollUntil } from '../../lifetime/poll.js';
import type { SecretMask } from '../../record/secrets.js';
import type { ManagedBoard } from '../runner/managed-board.js';
import { SshShell } from '../ssh/ssh-shell.js';
import { need } from './absent.js';
import { type BoardConsole, openBoardConsole } from './board-console.js';
import { type Bootable, boot, reboot } from './boot.js';
import { AbsentShell, RecordedShell, type ShellCall } from './preferred-shell.js';
import { Trouble } from './trouble.js';

export interface BoardControlOptions {
  readonly session: BoardSession;
  /** Private key that opens ssh where the image names none. */
  readonly privateKey: (image: Image | undefined) => string | undefined;
  readonly emit: (event: EventBody) => void;
  /** Where the console's bytes are kept. */
  readonly consolePath: string;
  readonly secrets: SecretMask;
  /** Multiplies every time-out. */
  readonly scale: number;
}

/** How long `answers` waits for a board that may be dead. */
const answerMs = 5_000;
/** A command that ends the system may take its answer with it. */
const lastCommandMs = 5_000;

/** A board in use: one session's capabilities, its console engine, its shells and the events they make. */
export class BoardControl implements ManagedBoard {
  readonly config: BoardConfig;
  readonly name: string;
  readonly type: BoardType;
  readonly profile: DeviceProfile;
  readonly power: Board['power'];
  readonly link: Link;
  readonly ssh: Shell;
  readonly consoleShell: Shell;
  readonly shell: Shell;
  image: Image | undefined;
  boots = 0;

  readonly #options: BoardControlOptions;
  readonly #session: BoardSession;
  readonly #console: BoardConsole | undefined;
  readonly #ssh: SshShell | undefined;
  readonly #trouble = new Trouble();
  readonly #ends: DisposalStack;
  #scope: AbortSignal = new AbortController().signal;
  #epochs = 0;
  #epochBegan = performance.now();
  #stages: { stage: Stage; ms: number }[] = [];

  private constructor(
    options: BoardControlOptions,
    boardConsole: BoardConsole | undefined,
    ends: DisposalStack,
  ) {
    const { session } = options;
    this.#options = options;
    this.#session = session;
    this.#console = boardConsole;
    this.#ends = ends;
    this.config = session.board;
    this.name = session.board.name;
    this.type = session.board.type;
    this.profile = session.board.profile;
    this.power = this.#makePower();
    this.link = {
      up: (options) => need(session.capabilities.link, 'link', this.name).up(this.#cancellable(options)),
      down: (options) => need(session.capabilities.link, 'link', this.name).down(this.#cancellable(options)),
      state: (options) =>
        need(session.capabilities.link, 'link', this.name).state(this.#cancellable(options)),
    };
    this.#ssh = this.#makeSsh();
    this.ssh = this.#ssh
      ? this.#recorded(this.#ssh, 'ssh')
      : new AbsentShell(`Board ${this.name} has no address, so no ssh`);
    this.consoleShell = boardConsole?.shell
      ? this.#recorded(boardConsole.shell, 'console')
      : new AbsentShell(`Board ${this.name} has no shell on its console`);
    this.shell = this.#ssh ? this.ssh : this.consoleShell;
    this.#ends.use(session.onEvent((event) => this.#onDeviceEvent(event)));
  }

  /** Opens the console of `session`'s board and takes the session over: it ends with this board. */
  static async open(options: BoardControlOptions): Promise<BoardControl> {
    const ends = new DisposalStack();
    ends.use(options.session);
    try {
      const holder: { control?: BoardControl } = {};
      const boardConsole = await openBoardConsole(options, {
        signal: () => holder.control?.callSignal() ?? new AbortController().signal,
        isOn: async () => (await holder.control?.power.state()) === 'on',
        onEpoch: (reason) => holder.control?.beginEpoch(reason),
        onStage: (stage, ms) => holder.control?.addStage(stage, ms),
        onMishap: (error) => holder.control?.raise(error),
      });
      if (boardConsole) ends.use(boardConsole);
      const control = new BoardControl(options, boardConsole, ends.move());
      holder.control = control;
      return control;
    } catch (error) {
      await ends[Symbol.asyncDispose]();
      throw error;
    }
  }

  get console(): Board['console'] {
    return need(this.#console, 'console', this.name).engine;
  }

  get epochs(): number {
    return this.#epochs;
  }

  has(capability: CapabilityName): boolean {
    if (capability === 'shell') return this.#ssh !== undefined || this.#console?.shell !== undefined;
    return this.#session.has.has(capability);
  }

  useSignal(signal: AbortSignal): void {
    this.#scope = signal;
  }

  async boot(options: WaitOptions = {}): Promise<BootRecord> {
    return boot(this.#bootable(), this.#bootMs(options));
  }

  async reboot(options: WaitOptions = {}): Promise<BootRecord> {
    return reboot(this.#bootable(), this.#bootMs(options));
  }

  async shutdown(options: WaitOptions = {}): Promise<void> {
    const power = need(this.#session.capabilities.power, 'power', this.name);
    await this.#trouble.expecting(async () => {
      await this.#sendLastCommand('poweroff');
      await pollUntil(async () => (await power.state(this.#cancellable(options))) === 'off', {
        what: `${this.name} to power off`,
        timeoutMs: this.#bootMs(options),
        everyMs: 100,
        signal: this.callSignal(),
      });
    });
    this.#ssh?.disconnect();
  }

  async reset(options?: Cancellable): Promise<void> {
    const device = need(this.#session.capabilities.reset, 'reset', this.name);
    this.#ssh?.disconnect();
    await this.#trouble.expecting(() => device.reset(this.#cancellable(options)));
    this.#trouble.clear();
  }

  lastBoot(): BootRecord {
    return { epoch: this.#epochs, stages: [...this.#stages] };
  }

  bootId(): Promise<string> {
    return this.shell.text('cat /proc/sys/kernel/random/boot_id');
  }

  async endpoint(port: number, options?: Cancellable): Promise<Endpoint> {
    return need(this.#session.capabilities.address, 'address', this.name).endpoint(
      port,
      this.#cancellable(options),
    );
  }

  async hostAddress(): Promise<string> {
    return need(this.#session.capabilities.address, 'address', this.name).hostAddress(this.#cancellable());
  }

  async sshAccepts(login: SshLogin, options?: WaitOptions): Promise<boolean> {
    return need(this.#ssh, 'address', this.name).accepts(login, options);
  }

  async provision(image: Image | undefined): Promise<void> {
    if (this.has('power')) await this.power.off();
    const storage = this.#session.capabilities.storage;
    if (image && storage) {
      await storage.provision({ path: image.path, sha256: image.sha256 }, { signal: this.callSignal() });
    }
    this.image = image;
  }

  medium(): MediumState {
    return this.#session.capabilities.storage?.state() ?? { kind: 'unknown' };
  }

  async answers(): Promise<boolean> {
    try {
      const { exitCode } = await this.shell.run('true', { timeoutMs: answerMs });
      return exitCode === 0;
    } catch {
      return false;
    }
  }

  consoleTail(maxBytes: number): string {
    return this.#console?.engine.tail(maxBytes) ?? '';
  }

  async keepMedium(path: string): Promise<void> {
    await need(this.#session.capabilities.storage, 'storage', this.name).keep(path);
  }

  async readMedium(offset: number, length: number): Promise<Uint8Array> {
    return need(this.#session.capabilities.storage, 'storage', this.name).read(offset, length);
  }

  cpuSeconds(): Promise<number | undefined> {
    return this.#session.cpuSeconds();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends[Symbol.asyncDispose]();
  }

  /** Ends a call: the test is over, or the board is in trouble. */
  callSignal(): AbortSignal {
    return AbortSignal.any([this.#scope, this.#trouble.signal]);
  }

  hasConsoleLogin(): boolean {
    const promise = this.profile.consoleLogin;
    const variant = this.image?.variant ?? 'dev';
    return this.type.signatures.prompt !== undefined && promise[variant];
  }

  beginEpoch(reason: 'power-on' | 'reset'): void {
    this.#epochs += 1;
    this.#epochBegan = performance.now();
    this.#stages = [];
    if (reason === 'reset') this.#ssh?.disconnect();
  }

  addStage(stage: Stage, ms: number): void {
    if (!this.#stages.some((seen) => seen.stage === stage)) this.#stages.push({ stage, ms });
  }

  raise(error: RigError): void {
    this.#ssh?.disconnect();
    this.#trouble.raise(error);
  }

  #makePower(): Board['power'] {
    const device = () => need(this.#session.capabilities.power, 'power', this.name);
    const on = async (options?: Cancellable): Promise<void> => {
      if ((await device().state(this.#cancellable(options))) === 'on') return;
      this.#trouble.clear();
      this.boots += 1;
      this.#openEpoch('power-on');
      await device().on(this.#cancellable(options));
    };
    const off = async (options?: Cancellable): Promise<void> => {
      this.#ssh?.disconnect();
      // Power must come off even when the test that used the board is over or the board is in trouble.
      await this.#trouble.expecting(() => device().off(options));
    };
    return {
      on,
      off,
      state: (options) => device().state(options),
      cycle: async (options) => {
        await off(options);
        await on(options);
      },
    };
  }

  #openEpoch(reason: 'power-on' | 'reset'): void {
    if (this.#console) this.#console.engine.openEpoch(reason);
    else this.beginEpoch(reason);
  }

  #makeSsh(): SshShell | undefined {
    const { address } = this.#session.capabilities;
    if (!address) return undefined;
    const { ssh } = this.profile;
    const options = this.#options;
    const shell = new SshShell({
      credentials: () => {
        const privateKey = options.privateKey(this.image);
        return { user: ssh.user, ...(privateKey === undefined ? {} : { privateKey }) };
      },
      endpoint: (signal) => address.endpoint(this.config.ssh?.port ?? ssh.port, { signal }),
      scale: options.scale,
      abortSignal: () => this.callSignal(),
    });
    return this.#ends.use(shell);
  }

  #recorded(shell: Shell, via: ShellCall['via']): Shell {
    return new RecordedShell(shell, via, (call) =>
      this.#options.emit({ type: 'shell', board: this.name, epoch: this.#epochs, ...call }),
    );
  }

  #bootable(): Bootable {
    return {
      name: this.name,
      isOn: async () => (await this.power.state()) === 'on',
      powerOn: () => this.power.on(),
      shellReady: (timeoutMs) => this.#shellReady(timeoutMs),
      lastBoot: () => this.lastBoot(),
      noteStage: (stage) => this.#noteStage(stage),
      bootId: () => this.bootId(),
      sendLastCommand: (command) => this.#sendLastCommand(command),
      expectReset: (body, timeoutMs) => this.#expectReset(body, timeoutMs),
    };
  }

  async #shellReady(timeoutMs: number): Promise<void> {
    const onConsole = this.#console?.shell;
    // The console shell scales by itself.
    const consoleReady = { timeoutMs: timeoutMs / this.#options.scale, signal: this.callSignal() };
    if (onConsole && this.hasConsoleLogin()) return onConsole.ready(consoleReady);
    if (this.#ssh) return this.#ssh.ready(timeoutMs, this.callSignal());
    if (onConsole) return onConsole.ready(consoleReady);
    need(undefined, 'shell', this.name);
  }

  #noteStage(stage: Stage): void {
    if (this.#stages.some((seen) => seen.stage === stage)) return;
    const ms = Math.round(performance.now() - this.#epochBegan);
    this.addStage(stage, ms);
    this.#options.emit({ type: 'stage', board: this.name, epoch: this.#epochs, stage, ms });
  }

  async #expectReset(body: () => Promise<void>, timeoutMs: number): Promise<void> {
    if (!this.#console) return this.#trouble.expecting(body);
    await this.#trouble.expecting(() =>
      need(this.#console, 'console', this.name).engine.expectReset(body, {
        timeoutMs: timeoutMs / this.#options.scale,
      }),
    );
    this.#ssh?.disconnect();
  }

  /** The answer may never come: the connection dies with the system. What matters is seen afterwards. */
  async #sendLastCommand(command: string): Promise<void> {
    try {
      await this.shell.run(command, { timeoutMs: lastCommandMs });
    } catch (error) {
      const expected = error instanceof RigError && lastCommandEnds.has(error.code);
      if (!expected) throw error;
    }
  }

  #cancellable(options?: Cancellable): Cancellable {
    return options?.signal ? options : { signal: this.callSignal() };
  }

  #bootMs(options: WaitOptions): number {
    return (options.timeoutMs ?? this.type.budgetsMs.shell) * this.#options.scale;
  }

  #onDeviceEvent(event: DeviceEvent): void {
    const place = { board: this.name, epoch: this.#epochs };
    switch (event.kind) {
      case 'power':
        this.#options.emit({ type: 'power', ...place, state: event.state, cause: event.cause });
        if (event.state === 'off' && event.cause === 'board') this.raise(poweredOff(this.name));
        return;
      case 'reset':
        this.#options.emit({ type: 'reset', ...place, cause: event.cause });
        if (event.cause === 'board' && this.#console) this.#console.engine.resetReported();
        else this.#openEpoch('reset');
        return;
      case 'link':
        this.#options.emit({ type: 'link', ...place, state: event.state });
        return;
      case 'panicked':
        this.raise(panicked(this.name));
        return;
      case 'lost':
        this.#console?.engine.fail(event.error);
        this.raise(event.error);
        return;
      case 'note':
        this.#options.emit({
          type: 'log',
          level: 'info',
          board: this.name,
          message: `${event.name}: ${JSON.stringify(event.data)}`,
        });
    }
  }
}

const lastCommandEnds: ReadonlySet<string> = new Set([
  'ssh.lost',
  'ssh.timeout',
  'shell.timeout',
  'console.unexpected-reset',
  'board.powered-off',
]);

function poweredOff(board: string): RigError {
  return new RigError(`${board} powered itself off`, {
    code: 'board.powered-off',
    blame: 'board',
    hint: 'Nothing of the rig asked for it: read the console before that moment.',
  });
}

function panicked(board: string): RigError {
  return new RigError(`The kernel of ${board} panicked`, {
    code: 'board.panicked',
    blame: 'board',
    hint: 'The machine reported it (pvpanic); the console has the trace.',
  });
}
