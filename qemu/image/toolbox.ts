import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { administratorPath } from '../../rig/lifetime/administrator-env.js';
import { findExecutable } from '../../rig/lifetime/find-executable.js';
import { type ProgramResult, type RunProgramOptions, runProgram } from '../../rig/lifetime/run-program.js';
import { sourceDateEpoch } from './board.js';
import { diskFull, isDiskFull } from './disk-full.js';

/** Programs of this host that make an image, each with its Debian package. */
const tools = {
  'apt-get': 'apt',
  'apt-config': 'apt',
  'dpkg-deb': 'dpkg',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  dumpe2fs: 'e2fsprogs',
  'mkfs.vfat': 'dosfstools',
  mmd: 'mtools',
  mcopy: 'mtools',
  'grub-mkimage': 'grub-common',
  cp: 'coreutils',
  depmod: 'kmod',
  openssl: 'openssl',
  mksquashfs: 'squashfs-tools',
} as const;

export type Tool = keyof typeof tools;

/** What every image is made with. */
export const baseTools = (Object.keys(tools) as Tool[]).filter(
  (name) => !['depmod', 'openssl', 'mksquashfs'].includes(name),
);

/** Runs the tools with nothing of this host's language, time zone, clock and configuration. */
export class Toolbox {
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal | undefined;

  constructor({ workDir, signal }: { readonly workDir: string } & Cancellable) {
    this.#signal = signal;
    this.#env = {
      ...process.env,
      PATH: administratorPath(),
      LC_ALL: 'C.UTF-8',
      TZ: 'UTC0',
      TMPDIR: workDir,
      SOURCE_DATE_EPOCH: String(sourceDateEpoch),
      E2FSPROGS_FAKE_TIME: String(sourceDateEpoch),
      MKE2FS_CONFIG: join(workDir, 'mke2fs.conf'),
      MTOOLSRC: '/dev/null',
      DEBUGFS_PAGER: 'cat',
    };
  }

  /** @throws RigError `image.disk-full`, `process.failed`; the signal's reason */
  async run(tool: Tool, args: readonly string[], options: RunProgramOptions = {}): Promise<ProgramResult> {
    try {
      return await runProgram(tool, args, {
        signal: this.#signal,
        ...options,
        env: { ...this.#env, ...options.env },
      });
    } catch (error) {
      throw isDiskFull(error) ? diskFull(error) : error;
    }
  }
}

/**
 * Which tools this host has, as part of an image's inputs: another version may lay out a file system in another way.
 */
export function toolIdentity(needed: readonly Tool[]): string[] {
  return needed.map((name) => {
    const file = findExecutable(name, { path: administratorPath() });
    if (file === undefined) return `${name} absent`;
    const { size, mtimeMs } = statSync(file);
    return `${name} ${size} ${Math.trunc(mtimeMs)}`;
  });
}

/** @throws RigError `image.tool-missing` that names all that are missing and how to install them */
export function requireTools(needed: readonly Tool[]): void {
  const missing = needed.filter((name) => findExecutable(name, { path: administratorPath() }) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => tools[name]))].sort();
  throw new RigError(`Cannot build an image without ${missing.join(', ')}`, {
    code: 'image.tool-missing',
    blame: 'rig',
    hint: `Install the Debian packages: apt-get install ${packages.join(' ')}`,
    evidence: { missing, packages },
  });
}
