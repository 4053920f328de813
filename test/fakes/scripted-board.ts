import type { BoardConfig, Image } from '../../rig/contracts/board.js';
import type { PowerState } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import type { BootRecord, Console, Shell, ShellResult } from '../../rig/contracts/suite.js';
import { recordedLooks } from '../../rig/core/board/observe.js';
import type { BoardSnapshots, ManagedBoard } from '../../rig/core/runner/managed-board.js';
import { bareProfile } from './bare-profile.js';
import { writeSnapshot } from './snapshot-folder.js';

/** What a scripted board is told to do wrong. */
export interface Script {
  /** Boots that fail, counted from 1. */
  readonly failBoots?: readonly number[];
  readonly bootBlame?: 'board' | 'rig';
  /** It can be saved; what a save or a restore throws, by `save shell` or `restore shell`. */
  readonly snapshots?: (call: string) => Error | undefined;
  /** A save that goes wrong costs the board its power. */
  readonly savesCut?: boolean;
  /** Answers of the shell by command; `hang` never settles by itself. */
  readonly shell?: (command: string) => ShellResult | 'hang' | RigError;
}

export function boardConfig(name = 'b1'): BoardConfig {
  return {
    name,
    type: {
      name: 'scripted',
      summary: 'a board for tests of the runner',
      arch: 'arm64',
      capabilities: ['power', 'console', 'shell', 'storage'],
      signatures: {},
      profile: 'test',
      flash: 'direct',
      inventory: {},
      budgetsMs: { shell: 1000 },
    },
    profile: bareProfile,
    labels: [],
    drivers: {},
  };
}

/** A board in memory that keeps a diary, for tests of the runner's own decisions. */
export class ScriptedBoard implements ManagedBoard {
  readonly diary: string[] = [];
  readonly config: BoardConfig;
  readonly name: string;
  readonly type: BoardConfig['type'];
  readonly profile = bareProfile;
  boots = 0;
  epochs = 0;
  image: Image | undefined;
  readonly snapshots: BoardSnapshots | undefined;
  #state: PowerState = 'off';
  #signal = new AbortController().signal;
  readonly #script: Script;

  constructor(config: BoardConfig, script: Script = {}) {
    this.config = config;
    this.name = config.name;
    this.type = config.type;
    this.#script = script;
    this.snapshots = script.snapshots && this.#makeSnapshots(script.snapshots);
  }

  has = (capability: string): boolean => (this.type.capabilities as readonly string[]).includes(capability);
  useSignal = (signal: AbortSignal): void => {
    this.#signal = signal;
  };
  power = {
    on: async (): Promise<void> => {
      this.diary.push('on');
      this.epochs += 1;
      this.#state = 'on';
    },
    off: async (): Promise<void> => {
      this.diary.push('off');
      this.#state = 'off';
    },
    state: async (): Promise<PowerState> => this.#state,
    cycle: async (): Promise<void> => {
      this.diary.push('cycle');
    },
  };
  link = { up: async () => {}, down: async () => {}, state: async () => 'up' as const };
  shell: Shell = {
    run: (command) => this.#run(command),
    text: async (command) => (await this.#run(command)).stdout.trim(),
  };
  ssh = this.shell;
  consoleShell = this.shell;

  get console(): Console {
    throw new Error('a scripted board has no console');
  }

  async boot(): Promise<BootRecord> {
    this.boots += 1;
    this.epochs += 1;
    this.diary.push('boot');
    if (this.#script.failBoots?.includes(this.boots)) {
      throw new RigError(`boot ${this.boots} failed`, {
        code: 'board.no-shell',
        blame: this.#script.bootBlame ?? 'board',
        hint: 'scripted',
      });
    }
    this.#state = 'on';
    return this.lastBoot();
  }

  async bootToBootloader(): Promise<void> {
    this.diary.push('bootloader');
    this.#state = 'on';
  }

  reboot = () => this.boot();
  shutdown = async (): Promise<void> => {
    this.#state = 'off';
  };
  reset = async (): Promise<void> => {};
  lastBoot = (): BootRecord => ({ epoch: this.boots, stages: [] });
  bootId = async (): Promise<string> => `boot-${this.boots}`;
  endpoint = async () => ({ host: '127.0.0.1', port: 1 });
  sshAccepts = async (): Promise<boolean> => true;
  hostAddress = async (): Promise<string> => '127.0.0.1';
  async provision(image: Image | undefined): Promise<void> {
    this.diary.push(`provision ${image?.variant ?? 'nothing'}`);
    this.image = image;
  }
  get bootMode(): ManagedBoard['bootMode'] {
    throw new Error('a scripted board has no jumpers');
  }

  get gpio(): ManagedBoard['gpio'] {
    throw new Error('a scripted board has no lines');
  }

  get screen(): ManagedBoard['screen'] {
    throw new Error('a scripted board has no display');
  }

  get medium(): ManagedBoard['medium'] {
    throw new Error('the medium of a scripted board cannot be taken out');
  }

  get update(): ManagedBoard['update'] {
    throw new Error('a scripted board has no updates');
  }

  reportConsole = (): void => {};
  observe = recordedLooks(({ what }) => this.diary.push(`look at ${what}`));
  answers = async (): Promise<boolean> => this.#state === 'on';
  consoleTail = (): string => 'last words on the console\n';
  async keepMedium(): Promise<void> {
    this.diary.push('keep medium');
  }
  readMedium = async (): Promise<Uint8Array> => new Uint8Array(512);
  cpuSeconds = async (): Promise<number | undefined> => undefined;
  async [Symbol.asyncDispose](): Promise<void> {
    this.diary.push('dispose');
    this.#state = 'off';
  }

  #makeSnapshots(fault: (call: string) => Error | undefined): BoardSnapshots {
    const does = (call: string): void => {
      this.diary.push(call);
      const error = fault(call);
      if (error) throw error;
    };
    const key = async (image: Image) => ({ image: image.sha256, machine: this.type.name });
    return {
      key,
      warmUp: async () => {},
      save: async (dir, { state }) => {
        if (this.#script.savesCut) this.#state = 'off';
        does(`save ${state}`);
        return writeSnapshot(dir, await key(this.image as Image));
      },
      restore: async (_dir, { state, image }) => {
        does(`restore ${state}`);
        this.image = image;
        this.#state = 'on';
      },
    };
  }

  #run(command: string): Promise<ShellResult> {
    const answer = this.#script.shell?.(command) ?? { exitCode: 0, stdout: 'ok\n', stderr: '' };
    if (answer instanceof RigError) return Promise.reject(answer);
    if (answer !== 'hang') return Promise.resolve(answer);
    return new Promise((_resolve, reject) => {
      const signal = this.#signal;
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
}
