import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../rig/config/package.js';
import type { Cancellable, LineLevel } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { abortable } from '../../rig/lifetime/abortable.js';
import { withTimeout } from '../../rig/lifetime/deadline.js';
import type { Wire } from '../command-line.js';
import { Machine } from '../machine.js';
import { SerialPipe } from '../serial-pipe.js';
import type { LabHostFiles } from './build.js';
import { cableIn, commandLine, portMac, sockets } from './command-line.js';
import type { LabAnswer, LabRequest } from './protocol.js';
import { UsbPorts } from './usb-ports.js';

/** For the lab host to boot, on a busy host without KVM. */
const bootMs = 180_000;

export interface LabHostOptions extends Cancellable {
  readonly files: LabHostFiles;
  /** A folder of its own, with a short path: sockets lie in it. */
  readonly workDir: string;
  /** A simulated line has changed. */
  readonly onLine?: (line: string, level: LineLevel) => void;
}

export interface RunInside extends Cancellable {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard output as it comes. */
  readonly onOutput?: (text: string) => void;
}

export interface RanInside {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the machine tells goes to the lab host once there is one. */
interface Told {
  end(why: string): void;
  unplugged(id: string): void;
}

type Wanted = LabRequest extends infer One ? (One extends LabRequest ? Omit<One, 'id'> : never) : never;

interface Pending {
  readonly options: RunInside;
  stdout: string;
  stderr: string;
  resolve(result: RanInside): void;
  reject(error: Error): void;
}

/**
 * The lab host: a machine with the kernel's real GPIO, serial and storage interfaces, whose file system is this host's own, read
 * only, under a layer of memory (as virtme-ng does it). What is behind its devices is driven from outside: lines by `pull` and
 * `onLine`, the bytes of its serial adapter by `serial`, USB devices by `usb`.
 */
export class LabHost implements AsyncDisposable {
  /** The other end of the wires of its FTDI adapter. */
  readonly serial: Socket;
  readonly usb: UsbPorts;
  readonly #machine: Machine;
  readonly #agent: Socket;
  readonly #options: LabHostOptions;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #ready: () => void = () => {};
  readonly #booted: Promise<void>;
  #lost: RigError | undefined;

  private constructor(machine: Machine, parts: { agent: Socket; serial: Socket; options: LabHostOptions }) {
    this.#machine = machine;
    this.#agent = parts.agent;
    this.serial = parts.serial;
    this.#options = parts.options;
    this.usb = new UsbPorts(machine, {
      workDir: parts.options.workDir,
      failed: (error) => this.#end(error.message),
    });
    this.#booted = new Promise((resolve) => {
      this.#ready = resolve;
    });
    createInterface({ input: parts.agent }).on('line', (line) => {
      const answer = parsed(line);
      if (answer) this.#hear(answer);
    });
    for (const socket of [parts.agent, parts.serial]) socket.on('error', () => {});
  }

  /** Boots it; resolves when programs can be run in it. @throws RigError `lifetime.timeout` with the end of its console */
  static async start(options: LabHostOptions): Promise<LabHost> {
    const { workDir, signal } = options;
    const serial = await SerialPipe.make(workDir);
    let said = '';
    const told: Told = { end: () => {}, unplugged: () => {} };
    const machine = await Machine.start({
      board: 'lab host',
      program: 'qemu-system-x86_64',
      args: commandLine(options.files, { workDir, serialPath: serial.path }),
      serial,
      folder: workDir,
      signal,
      listener: {
        console: (chunk) => {
          said = `${said}${Buffer.from(chunk).toString('latin1')}`.slice(-4000);
        },
        stopped: () => told.end('it has powered itself off'),
        panicked: () => {},
        lost: (error) => told.end(error.message),
        deviceDeleted: (id) => told.unplugged(id),
      },
    });
    try {
      const [agent, wire] = await Promise.all([
        connected(workDir, sockets.agent),
        connected(workDir, sockets.wire),
      ]);
      const host = new LabHost(machine, { agent, serial: wire, options });
      told.end = (why) => host.#end(why);
      told.unplugged = (id) => host.usb.deleted(id);
      await machine.cont({ signal });
      await withTimeout((within) => abortable(host.#booted, { signal: within }), {
        timeoutMs: bootMs,
        signal,
        what: 'the lab host to boot',
      });
      return host;
    } catch (error) {
      await machine.kill();
      throw new RigError(
        `Cannot start the lab host: ${error instanceof Error ? error.message : String(error)}`,
        {
          code: 'labhost.cannot-start',
          blame: 'rig',
          hint: 'Its console said, at the end: '.concat(said.slice(-1500) || 'nothing'),
          cause: error,
        },
      );
    }
  }

  /** CPU seconds that it has cost so far. */
  get cpuSeconds(): number {
    return this.#machine.cpuSeconds;
  }

  /** Runs a program in the lab host; resolves when it ended, whatever its exit code. Aborting kills it. */
  async run(program: string, args: readonly string[], options: RunInside = {}): Promise<RanInside> {
    const { cwd = packageRoot, env = {}, signal } = options;
    signal?.throwIfAborted();
    const { id, result } = this.#ask({ do: 'run', program, args, cwd, env }, options);
    const stop = (): void => this.#send({ do: 'kill', of: id, signal: 'SIGKILL', id: this.#nextId++ });
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await result;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Makes a chip of simulated lines, low all of them. */
  async chip(label: string, lines: readonly string[]): Promise<void> {
    await this.#ask({ do: 'chip', label, lines }).result;
  }

  /** From now on its network port is told as `line`: up is 1. */
  async watchPort(line: string): Promise<void> {
    await this.#ask({ do: 'watch-port', line, mac: portMac }).result;
  }

  /** The end of the cable from its network port that a board is plugged into. */
  get cable(): Wire {
    return cableIn(this.#options.workDir).board;
  }

  /** Pulls an input up or down. */
  async pull(line: string, level: LineLevel): Promise<void> {
    await this.#ask({ do: 'pull', line, level }).result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end('it was closed');
    await this.#machine.quit();
    await this.usb[Symbol.asyncDispose]();
    this.#agent.destroy();
    this.serial.destroy();
  }

  #ask(request: Wanted, options: RunInside = {}): { id: number; result: Promise<RanInside> } {
    const id = this.#nextId;
    this.#nextId += 1;
    const result = new Promise<RanInside>((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      this.#pending.set(id, { options, stdout: '', stderr: '', resolve, reject });
    });
    this.#send({ ...request, id } as LabRequest);
    return { id, result };
  }

  #send(request: LabRequest): void {
    this.#agent.write(`${JSON.stringify(request)}\n`);
  }

  #hear(answer: LabAnswer): void {
    if (answer.kind === 'ready') this.#ready();
    else if (answer.kind === 'level') this.#options.onLine?.(answer.line, answer.level);
    else this.#answered(answer);
  }

  #answered(answer: Exclude<LabAnswer, { kind: 'ready' | 'level' }>): void {
    const pending = this.#pending.get(answer.id);
    if (!pending) return;
    if (answer.kind === 'output') {
      if (answer.stream === 'err') pending.stderr += answer.text;
      else {
        pending.stdout += answer.text;
        pending.options.onOutput?.(answer.text);
      }
      return;
    }
    this.#pending.delete(answer.id);
    const { stdout, stderr } = pending;
    if (answer.kind === 'failed') pending.reject(new Error(`The lab host: ${answer.message}`));
    else pending.resolve({ code: answer.kind === 'ended' ? answer.code : 0, stdout, stderr });
  }

  #end(why: string): void {
    this.#lost ??= new RigError(`The lab host is gone: ${why}`, {
      code: 'labhost.lost',
      blame: 'rig',
      hint: 'Start it again.',
    });
    for (const { reject } of this.#pending.values()) reject(this.#lost);
    this.#pending.clear();
  }
}

async function connected(workDir: string, name: string): Promise<Socket> {
  const socket = connect(join(workDir, name));
  await once(socket, 'connect');
  return socket;
}

/** Undefined for a last line that was cut off when QEMU ended. */
function parsed(line: string): LabAnswer | undefined {
  try {
    return JSON.parse(line) as LabAnswer;
  } catch {
    return undefined;
  }
}
