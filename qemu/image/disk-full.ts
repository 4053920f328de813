import { RigError } from '../../rig/contracts/errors.js';

/** Whether `error`, of ours or of a program that we ran, says that the disk is full. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof RigError)
    return (
      error.code === 'process.failed' && /No space left on device|Disk full|Disk quota/i.test(error.message)
    );
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export function diskFull(cause: unknown): RigError {
  return new RigError('Cannot build the image: the disk is full', {
    code: 'image.disk-full',
    blame: 'rig',
    hint: 'An image takes about 400 MB while it is built, a full one 1.5 GB. Free some, or point XDG_CACHE_HOME at another disk.',
    cause,
  });
}
