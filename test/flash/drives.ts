import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { sh } from './images.js';

/** Why this machine cannot play drives; undefined when it can. */
export function noDrives(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for loop devices and FUSE';
  try {
    for (const device of ['/dev/loop-control', '/dev/fuse'])
      accessSync(device, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `this machine has no loop devices or no FUSE: ${(error as Error).message}`;
  }
}

/** A block device on `file`, past the page cache as a real one is, or through it as most loop devices are. */
export function loopDevice(
  file: string,
  { cached = false }: { readonly cached?: boolean } = {},
): Disposable & { readonly path: string } {
  const path = sh('losetup', ['--find', '--show', `--direct-io=${cached ? 'off' : 'on'}`, file]).trim();
  return { path, [Symbol.dispose]: () => void sh('losetup', ['-d', path]) };
}

export interface FaultyFile extends AsyncDisposable {
  /** A file that stands for a medium. */
  readonly path: string;
  /** Takes the medium away, as when a card is pulled. */
  vanish(): Promise<void>;
}

/**
 * QEMU's block layer as a file (FUSE), so that its nodes play bad media: `blkdebug` fails what it is told to, `null-co` forgets what is
 * written to it.
 *
 * @param node its JSON without a name; `file` below it is the node of a raw file with room for `bytes`
 */
export async function faultyFile(
  folder: string,
  {
    bytes,
    node,
    limits = {},
  }: {
    readonly bytes: number;
    readonly node: Readonly<Record<string, unknown>>;
    /** Of the throttle group `slow`, for a node that names it. */
    readonly limits?: Readonly<Record<string, number>>;
  },
): Promise<FaultyFile> {
  const below = join(folder, 'below.raw');
  const path = join(folder, 'faulty');
  writeFileSync(path, '');
  sh('truncate', ['-s', String(bytes), below]);
  const daemon = spawn(
    'qemu-storage-daemon',
    [
      ...['--object', JSON.stringify({ 'qom-type': 'throttle-group', id: 'slow', limits })],
      ...['--blockdev', `driver=file,node-name=below,filename=${below}`],
      ...['--blockdev', JSON.stringify({ ...node, 'node-name': 'top' })],
      ...['--export', `type=fuse,id=export,node-name=top,mountpoint=${path},writable=on`],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = once(daemon, 'exit');
  const mounted = (): boolean => mountpoints().includes(path);
  await pollUntil(() => mounted() || daemon.exitCode !== null, {
    what: 'the file of QEMU',
    timeoutMs: 60_000,
  });
  const vanish = async (): Promise<void> => {
    daemon.kill('SIGKILL');
    await ended;
  };
  return {
    path,
    vanish,
    async [Symbol.asyncDispose]() {
      await vanish();
      if (mounted()) sh('umount', ['-l', path]);
    },
  };
}

/** `blkdebug` that fails every `act` on the sector at `offset`. */
export function failing(
  act: 'read' | 'write' | 'flush',
  { errno, offset }: { errno: number; offset?: number },
) {
  const where = offset === undefined ? {} : { sector: offset / 512 };
  return {
    driver: 'blkdebug',
    image: 'below',
    'inject-error': [{ event: 'none', iotype: act, errno, ...where }],
  };
}

function mountpoints(): string[] {
  return existsSync('/proc/self/mounts')
    ? sh('cat', ['/proc/self/mounts'])
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '')
    : [];
}
