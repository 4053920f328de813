import type { BoardConfig, BoardType, DeviceProfile, Image } from '../../contracts/board.js';
import type { Address, Cancellable, CapabilityName, Endpoint, Link } from '../../contracts/capabilities.js';
import { messageOf } from '../../contracts/errors.js';
import type { EventBody } from '../../contracts/events.js';
import type { MediumWriter } from '../../contracts/medium-writer.js';
import type { BoardSession } from '../../contracts/session.js';
import type { Board, BoardGpio, BootRecord, Shell, SshLogin, WaitOptions } from '../../contracts/suite.js';
import type { BoardUpdate } from '../../contracts/update.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import type { SecretMask } from '../../record/secrets.js';
import { provision } from '../provision/carry-out.js';
import { provisionMethodOf } from '../provision/method.js';
import type { BoardSnapshots, ManagedBoard } from '../runner/managed-board.js';
import { UpdateControl } from '../update/update-control.js';
import { need } from './absent.js';
import { boardBootMode } from './board-boot-mode.js';
import { type ConsoleCount, openBoardConsole } from './board-console.js';
import { boardGpio } from './board-gpio.js';
import { MediumControl } from './board-medium.js';
import { boardScreen } from './board-screen.js';
import { SavedStates } from './board-snapshots.js';
import { type Bootable, boot, bootId, bootToBootloader, reboot, shutdown } from './boot.js';
import { Circuit } from './circuit.js';
import { looks, type Observe } from './observe.js';
import { boardPower } from './power.js';
import { RecordedConsole } from './recorded-console.js';
import { BoardShells, type Shells } from './shells.js';

export interface BoardControlOptions {
  readonly session: BoardSession;
  /** Private key that opens ssh where the image names none. */
  readonly privateKey: (image: Image | undefined) => string | undefined;
  readonly emit: (event: EventBody) => void;
  /** Where the console's bytes are kept. */
  readonly consolePath: string;
  /** Counts them instead, for a console that is on disk already: a replay's. */
  readonly consoleLog?: ConsoleCount;
  readonly secrets: SecretMask;
  /** Multiplies every time-out. */
  readonly scale: number;
  /** Writes media that are at the rig. */
  readonly writer: MediumWriter;
  /** Who answers commands instead of the board itself: a replay. */
  readonly shells?: (circuit: Circuit) => Shells;
  /** Who answers looks instead of the rig: a replay. */
  readonly observe?: (circuit: Circuit) => Observe;
}

/** A board in use, as suites see it and as the runner drives it. */
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
  readonly gpio: BoardGpio;
  readonly bootMode: Board['bootMode'];
  readonly screen: Board['screen'];
  readonly medium: MediumControl;
  readonly snapshots: BoardSnapshots | undefined;
  image: Image | undefined;

  readonly #circuit: Circuit;
  /** As the rig itself switches and asks it. */
  readonly #power: Board['power'];
  readonly #shells: Shells;
  readonly #console: RecordedConsole | undefined;
  readonly #writer: MediumWriter;
  readonly #update: UpdateControl | undefined;
  readonly #ends: DisposalStack;

  private constructor(circuit: Circuit, options: BoardControlOptions, ends: DisposalStack) {
    const { session } = circuit;
    this.#circuit = circuit;
    this.#ends = ends;
    this.config = session.board;
    this.name = session.board.name;
    this.type = session.board.type;
    this.profile = session.board.profile;
    circuit.observe = options.observe?.(circuit) ?? circuit.observe;
    this.#power = boardPower(circuit);
    this.power = {
      ...this.#power,
      state: (call) => circuit.observe(looks.powerState, () => this.#power.state(call)),
    };
    this.link = boardLink(circuit);
    this.gpio = boardGpio(circuit);
    this.bootMode = boardBootMode(circuit, { power: this.#power });
    this.screen = boardScreen(circuit);
    this.#writer = options.writer;
    this.medium = new MediumControl(circuit, { power: this.#power, writer: options.writer });
    const { privateKey } = options;
    const shells =
      options.shells?.(circuit) ?? new BoardShells(circuit, { image: () => this.image, privateKey });
    this.#shells = shells;
    this.#console =
      circuit.console &&
      new RecordedConsole(circuit.console.engine, {
        ended: (wait) => circuit.tell({ type: 'console.wait', ...wait }),
        report: () => circuit.report(),
      });
    this.ssh = this.#shells.ssh;
    this.consoleShell = this.#shells.console;
    this.shell = this.#shells.preferred;
    const { update } = this.profile;
    this.#update =
      update && new UpdateControl({ board: this.#bootable, promise: update, history: circuit.history });
    const { snapshots } = session.capabilities;
    this.snapshots =
      snapshots && shells instanceof BoardShells
        ? new SavedStates({
            circuit,
            snapshots,
            shells,
            power: this.#power,
            onRestored: (image) => {
              this.image = image;
            },
          })
        : undefined;
    circuit.onCut = () => this.#shells.disconnect();
    ends.defer(() => this.#shells.disconnect());
    ends.use(session.onEvent((event) => circuit.deviceEvent(event)));
    if (session.capabilities.power) ends.defer(() => this.#powerOffAtLast());
  }

  /** Opens the console of `session`'s board and takes the session over: it ends with this board. */
  static async open(options: BoardControlOptions): Promise<BoardControl> {
    const ends = new DisposalStack();
    ends.use(options.session);
    try {
      const circuit = new Circuit(options.session, options);
      const opened = await openBoardConsole(circuit, options);
      if (opened) circuit.console = ends.use(opened);
      return new BoardControl(circuit, options, ends.move());
    } catch (error) {
      await ends[Symbol.asyncDispose]();
      throw error;
    }
  }

  get console(): Board['console'] {
    return need(this.#console, 'console', this.name);
  }

  get update(): BoardUpdate {
    return need(this.#update, 'update', this.name);
  }

  get epochs(): number {
    return this.#circuit.life.epochs;
  }

  get boots(): number {
    return this.#circuit.life.boots;
  }

  has(capability: CapabilityName): boolean {
    if (capability === 'shell') return this.#shells.any;
    if (capability === 'update') return this.#update !== undefined && this.#shells.any;
    return this.#circuit.session.has.has(capability);
  }

  useSignal(signal: AbortSignal): void {
    this.#circuit.useSignal(signal);
  }

  boot(options: WaitOptions = {}): Promise<BootRecord> {
    return boot(this.#bootable, this.#bootMs(options));
  }

  reboot(options: WaitOptions = {}): Promise<BootRecord> {
    return reboot(this.#bootable, this.#bootMs(options));
  }

  shutdown(options: WaitOptions = {}): Promise<void> {
    return shutdown(this.#bootable, this.#bootMs(options));
  }

  async reset(options?: Cancellable): Promise<void> {
    const { session, trouble } = this.#circuit;
    const device = need(session.capabilities.reset, 'reset', this.name);
    this.#shells.disconnect();
    trouble.clear();
    await device.reset(this.#circuit.cancellable(options));
  }

  lastBoot(): BootRecord {
    return this.#circuit.life.boot;
  }

  bootId(): Promise<string> {
    return bootId(this.#bootable);
  }

  async endpoint(port: number, options?: Cancellable): Promise<Endpoint> {
    const ask = async () => ({
      ...(await this.#address().endpoint(port, this.#circuit.cancellable(options))),
    });
    return this.#circuit.observe(looks.endpoint(port), ask);
  }

  async hostAddress(): Promise<string> {
    const ask = () => this.#address().hostAddress(this.#circuit.cancellable());
    return this.#circuit.observe(looks.hostAddress, ask);
  }

  async sshAccepts(login: SshLogin, options?: WaitOptions): Promise<boolean> {
    return this.#shells.accepts(login, options);
  }

  reportConsole(): void {
    this.#circuit.report();
  }

  get observe(): Observe {
    return this.#circuit.observe;
  }

  async provision(image: Image | undefined): Promise<void> {
    const { capabilities } = this.#circuit.session;
    const method = provisionMethodOf(this.type, capabilities);
    if (!image || !method) {
      if (capabilities.power) await this.#power.off();
    } else {
      await provision(method, {
        circuit: this.#circuit,
        power: this.#power,
        writer: this.#writer,
        image,
      });
    }
    this.image = image;
  }

  bootToBootloader(): Promise<void> {
    return bootToBootloader(this.#bootable, this.type.budgetsMs.bootloader);
  }

  answers(): Promise<boolean> {
    return this.#shells.answers();
  }

  consoleTail(maxBytes: number): string {
    return this.#circuit.console?.engine.tail(maxBytes) ?? '';
  }

  async keepMedium(path: string): Promise<void> {
    await this.medium.keep(path);
  }

  async readMedium(offset: number, length: number): Promise<Uint8Array> {
    return this.medium.read(offset, length);
  }

  cpuSeconds(): Promise<number | undefined> {
    return this.#circuit.session.cpuSeconds();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends[Symbol.asyncDispose]();
  }

  get #bootable(): Bootable {
    return { circuit: this.#circuit, shells: this.#shells, power: this.#power };
  }

  /** While the run still listens, so that its record ends with the board off; also where the session lives on. */
  async #powerOffAtLast(): Promise<void> {
    try {
      await this.power.off();
    } catch (error) {
      // The end of the session tries again, and tells.
      const message = `Cannot power the board off at the end: ${messageOf(error)}`;
      this.#circuit.emit({ type: 'log', level: 'warning', board: this.name, message });
    }
  }

  #address(): Address {
    return need(this.#circuit.session.capabilities.address, 'address', this.name);
  }

  #bootMs(options: WaitOptions): number {
    return (options.timeoutMs ?? this.type.budgetsMs.shell) * this.#circuit.scale;
  }
}

function boardLink(circuit: Circuit): Link {
  const device = (): Link => need(circuit.session.capabilities.link, 'link', circuit.name);
  return {
    up: async (options) => device().up(circuit.cancellable(options)),
    down: async (options) => device().down(circuit.cancellable(options)),
    state: (options) =>
      circuit.observe(looks.linkState, async () => device().state(circuit.cancellable(options))),
  };
}
