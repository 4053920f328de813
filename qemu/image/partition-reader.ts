import { type FileHandle, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '../../rig/contracts/board.js';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { Json } from '../../rig/contracts/errors.js';
import { RigError } from '../../rig/contracts/errors.js';
import { maskKeyfile } from '../../rig/image/keyfile.js';
import { connectionsFolder } from '../../rig/image/settings.js';
import { administratorPath } from '../../rig/lifetime/administrator-env.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { parseOsRelease } from './os-release.js';

export interface FilesystemKind {
  readonly filesystem: 'vfat' | 'ext4';
  readonly label?: string;
}

/** Kind and label of the file system that begins at `startBytes`, from its superblock or boot sector. */
export async function identifyFilesystem(
  file: FileHandle,
  startBytes: number,
): Promise<FilesystemKind | undefined> {
  const head = Buffer.alloc(2048);
  await file.read(head, 0, head.length, startBytes);
  const text = (from: number, to: number): string => head.toString('latin1', from, to).replace(/[\0 ]+$/, '');
  if (head.readUInt16LE(1024 + 56) === 0xef53)
    return { filesystem: 'ext4', label: text(1024 + 120, 1024 + 136) };
  if (text(82, 90) === 'FAT32') return { filesystem: 'vfat', label: text(71, 82) };
  if (/^FAT1[26]$/.test(text(54, 62))) return { filesystem: 'vfat', label: text(43, 54) };
  return undefined;
}

/** ELF machine numbers (System V ABI, `e_machine`). */
const machines: Readonly<Record<number, Architecture>> = {
  3: 'i386',
  40: 'armhf',
  62: 'amd64',
  183: 'arm64',
};
const armHardFloat = 0x400;

/** A hostile file system may send a tool in circles. */
const toolMs = 30_000;
const unreadable: ReadonlySet<string> = new Set(['process.failed', 'lifetime.timeout']);
const maxConnections = 32;

/** Reads files of one partition inside a disk image. What cannot be read is undefined: an image may be anybody's. */
export class PartitionReader {
  readonly #path: string;
  #copies = 0;
  readonly #options: { readonly startBytes: number; readonly workDir: string } & Cancellable;

  constructor(
    path: string,
    options: { readonly startBytes: number; readonly workDir: string } & Cancellable,
  ) {
    this.#path = path;
    this.#options = options;
  }

  /** `config.json` of a FAT partition; `malformed` when it is not JSON. */
  async configJson(): Promise<Json | undefined> {
    const text = await this.#type('config.json');
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as Json;
    } catch {
      return { malformed: true };
    }
  }

  /** NetworkManager's connection files of a FAT partition, without their secrets. */
  async connections(): Promise<Record<string, string> | undefined> {
    const list = await this.#run('mdir', ['-b', '-i', this.#fatDevice, `::/${connectionsFolder}`]);
    const names = (list ?? '')
      .split('\n')
      .filter((line) => line.startsWith('::/') && !line.endsWith('/'))
      .map((line) => line.replace(/^.*\//, ''));
    const found: Record<string, string> = {};
    for (const name of names.slice(0, maxConnections)) {
      const text = await this.#type(`${connectionsFolder}/${name}`);
      if (text !== undefined) found[name] = maskKeyfile(text);
    }
    return names.length > 0 ? found : undefined;
  }

  async osRelease(): Promise<Record<string, string> | undefined> {
    for (const name of ['/etc/os-release', '/usr/lib/os-release']) {
      const file = await this.#dump(name);
      const fields = file && parseOsRelease(file.toString('utf8'));
      if (fields && Object.keys(fields).length > 0) return fields;
    }
    return undefined;
  }

  /** Of a program that every system of its kind has. */
  async architecture(): Promise<Architecture | undefined> {
    for (const name of [
      '/bin/busybox',
      '/bin/dash',
      '/usr/bin/dash',
      '/usr/bin/busybox',
      '/bin/bash',
      '/usr/bin/bash',
    ]) {
      const file = await this.#dump(name);
      if (!file || file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) continue;
      const machine = machines[file.readUInt16LE(18)];
      return machine === 'armhf' && (file.readUInt32LE(36) & armHardFloat) === 0 ? 'armel' : machine;
    }
    return undefined;
  }

  async #dump(name: string): Promise<Buffer | undefined> {
    const copy = join(this.#options.workDir, String(this.#copies++));
    const device = `${this.#path}?offset=${this.#options.startBytes}`;
    await this.#run('debugfs', ['-R', `dump ${name} ${copy}`, device]);
    try {
      return await readFile(copy);
    } catch {
      // debugfs ends with 0 when there is no such file.
      return undefined;
    }
  }

  get #fatDevice(): string {
    return `${this.#path}@@${this.#options.startBytes}`;
  }

  #type(file: string): Promise<string | undefined> {
    return this.#run('mtype', ['-i', this.#fatDevice, `::/${file}`]);
  }

  async #run(program: string, args: readonly string[]): Promise<string | undefined> {
    try {
      const { signal } = this.#options;
      const env = {
        ...process.env,
        PATH: administratorPath(),
        LC_ALL: 'C.UTF-8',
        MTOOLSRC: '/dev/null',
        MTOOLS_SKIP_CHECK: '1',
      };
      return (await runProgram(program, args, { signal, env, timeoutMs: toolMs })).stdout;
    } catch (error) {
      if (error instanceof RigError && unreadable.has(error.code)) return undefined;
      throw error;
    }
  }
}
