import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';
import { isRunning, readProcessStat } from '../../rig/lifetime/process-stat.js';

/** Filesystem Hierarchy Standard 3.0, 5.9: lock files of devices are named LCK..NAME. */
const defaultFolder = '/var/lock';

/**
 * Takes the lock file that minicom, picocom, cu and ours all honour (FHS 3.0, 5.9: the pid in ten characters). The
 * kernel's own exclusive mode does not hold against root (man 2 ioctl_tty, TIOCEXCL).
 *
 * @param device real path, so that two names of one device meet
 * @throws RigError `console.busy` with the pid and name of the process that has it
 */
export async function lockDevice(
  device: string,
  { folder = defaultFolder }: { readonly folder?: string } = {},
): Promise<AsyncDisposable> {
  const path = join(folder, `LCK..${basename(device)}`);
  const mine = `${path}.${process.pid}`;
  try {
    await writeFile(mine, `${String(process.pid).padStart(10)}\n`);
  } catch (error) {
    // Without the right to write there (a container, another distribution) only the kernel's mode protects.
    if (['EACCES', 'ENOENT', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) return nothing;
    throw error;
  }
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await link(mine, path);
        return { [Symbol.asyncDispose]: () => forget(path) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 2) throw error;
        await removeStale(path, device);
      }
    }
  } finally {
    await forget(mine);
  }
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => undefined };

async function removeStale(path: string, device: string): Promise<void> {
  const text = await readFile(path, 'latin1').catch(() => '');
  const pid = Number.parseInt(text, 10);
  const stat = Number.isInteger(pid) && pid > 0 ? readProcessStat(pid) : undefined;
  if (!stat || !isRunning(stat)) {
    await forget(path);
    return;
  }
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'unknown\n');
  throw new RigError(`Cannot open ${device}: process ${pid} (${name.trim()}) has it, says ${path}`, {
    code: 'console.busy',
    blame: 'rig',
    hint: `End that process, or remove ${path} if it does not use the port.`,
  });
}

async function forget(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
