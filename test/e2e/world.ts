import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheDir } from '../../rig/config/folders.js';
import { packageRoot } from '../../rig/config/package.js';
import type { RigEvent } from '../../rig/contracts/events.js';
import { pollUntil } from '../../rig/lifetime/poll.js';

const main = join(packageRoot, 'dist', 'rig', 'cli', 'main.js');
/** Longer than any command of these tests takes on a loaded host. */
const generousMs = 180_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Program and arguments that get the command: `unshare -m sh -c '…; exec "$@"' sh`. */
  readonly through?: readonly string[];
  /** After it the command is killed. */
  readonly timeoutMs?: number;
}

/** A person's folder with sessions, state and home of its own, and the command as a program. Only the image cache is shared. */
export class World implements Disposable {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'e2e-')));
  readonly cwd = join(this.root, 'work');
  readonly state = join(this.root, 'state');
  readonly #mark = `BOARDRIG_E2E=${this.root}`;
  readonly #running = new Set<ChildProcess>();

  constructor() {
    for (const name of ['work', 'run', 'state', 'home']) mkdirSync(join(this.root, name), { mode: 0o700 });
  }

  write(files: Readonly<Record<string, string | Uint8Array>>): void {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.cwd, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
  }

  start(args: readonly string[], options: StartOptions = {}): Running {
    const [program, ...words] = [...(options.through ?? []), process.execPath, main, ...args];
    const child = spawn(program ?? '', words, {
      cwd: options.cwd ?? this.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: join(this.root, 'home'),
        XDG_RUNTIME_DIR: join(this.root, 'run'),
        XDG_STATE_HOME: this.state,
        XDG_CACHE_HOME: dirname(cacheDir(process.env)),
        // What another run has saved must not decide what a test sees.
        BOARDRIG_SNAPSHOTS_MAX: '0',
        BOARDRIG_E2E: this.root,
        ...options.env,
      },
    });
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return new Running(child, this, options.timeoutMs);
  }

  rig(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** Folders of runs, in the order they began. */
  get runs(): readonly string[] {
    const folder = join(this.cwd, 'runs');
    return existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => !name.startsWith('.'))
          .sort()
          .map((name) => join(folder, name))
      : [];
  }

  /** Processes that were started in this world and still are: QEMU, background sessions, the command itself. */
  processes(): readonly { readonly pid: number; readonly program: string }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const environment = readFileSync(`/proc/${name}/environ`, 'utf8');
          if (!environment.split('\0').includes(this.#mark)) return [];
          const [program = ''] = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
          return program === '' ? [] : [{ pid: Number(name), program }];
        } catch {
          return []; // It has just ended.
        }
      });
  }

  qemus(): readonly number[] {
    return this.processes()
      .filter(({ program }) => program.includes('qemu-system'))
      .map(({ pid }) => pid);
  }

  /** Ends what a failed test left running. */
  [Symbol.dispose](): void {
    for (const child of this.#running) child.kill('SIGKILL');
    for (const { pid } of this.processes()) process.kill(pid, 'SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A command that runs. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #world: World;
  readonly #before: readonly string[];
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcess, world: World, timeoutMs = generousMs) {
    this.child = child;
    this.#world = world;
    this.#before = world.runs;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    this.ended = once(child, 'close').then(([code, signal]) => {
      clearTimeout(late);
      return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The folder of the run that this command began; undefined before it has. */
  get runFolder(): string | undefined {
    return this.#world.runs.find((folder) => !this.#before.includes(folder));
  }

  /** What the run has told so far, whole lines only. */
  events(): RigEvent[] {
    const folder = this.runFolder;
    return folder === undefined ? [] : readEvents(folder);
  }

  /** Waits until the run has told an event like that. */
  async untilEvent(what: string, wanted: (event: RigEvent) => boolean): Promise<RigEvent> {
    return pollUntil(
      async () => {
        const found = this.events().find(wanted);
        if (!found && this.child.exitCode !== null)
          throw new Error(`The command ended before ${what}:\n${this.#stdout}${this.#stderr}`);
        return found;
      },
      { what, timeoutMs: generousMs, everyMs: 50, blame: 'rig' },
    );
  }

  async untilError(text: string): Promise<void> {
    await this.#untilSaid((said) => said.includes(text), JSON.stringify(text));
  }

  async sees(pattern: RegExp): Promise<void> {
    await this.#untilSaid((said) => pattern.test(said), String(pattern));
  }

  async #untilSaid(wanted: (said: string) => boolean, what: string): Promise<void> {
    await pollUntil(async () => wanted(this.#stderr) || wanted(this.#stdout), {
      what: `the command to say ${what}`,
      timeoutMs: generousMs,
      everyMs: 50,
      blame: 'rig',
    });
  }
}

export function readEvents(folder: string): RigEvent[] {
  const file = join(folder, 'events.ndjson');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as RigEvent);
}

/** Every file under `folder`, with its bytes. */
export function* allFiles(folder: string): Generator<readonly [path: string, bytes: Buffer]> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) yield [path, readFileSync(path)];
  }
}
