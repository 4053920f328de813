import { readFileSync, statSync } from 'node:fs';
import { RigError } from '../../contracts/errors.js';

/** What a medium is, as errors tell of it. */
export interface MediumName {
  readonly path: string;
  readonly kind: 'block' | 'file';
  /** `MAJOR:MINOR` of a block device, or device and inode of a file: whether it is there still. */
  readonly identity: string;
}

export type MediumAct = 'write' | 'read' | 'sync';

const goneCodes: ReadonlySet<string> = new Set([
  'ENXIO',
  'ENODEV',
  'ENOMEDIUM',
  'ENOTCONN',
  'ESTALE',
  'ECONNABORTED',
]);

/** The error that a system call on a medium means, with the place on it. */
export function mediumFault(
  cause: unknown,
  { medium, act, offset }: { readonly medium: MediumName; readonly act: MediumAct; readonly offset?: number },
): RigError {
  if (cause instanceof RigError) return cause;
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const where = offset === undefined ? '' : ` at byte ${offset}`;
  const evidence = { medium: medium.path, act, offset: offset ?? null, errno: code };
  if (goneCodes.has(code) || (code === 'EIO' && isGone(medium)))
    return new RigError(`${medium.path} vanished during a ${act}${where}`, {
      code: 'flash.medium-vanished',
      blame: 'rig',
      hint: 'Check the card, its reader and the cable, and the kernel log; then flash it again from the start.',
      cause,
      evidence,
    });
  if ((code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') && medium.kind === 'file')
    return new RigError(`The disk that holds ${medium.path} is full`, {
      code: 'flash.disk-full',
      blame: 'rig',
      hint: 'Make room there, or write to another place.',
      cause,
      evidence,
    });
  return new RigError(`Cannot ${act} ${medium.path}${where}: ${message}`, {
    code: act === 'read' ? 'flash.read-failed' : 'flash.write-failed',
    blame: 'rig',
    hint: 'The medium or its reader is broken: see the kernel log (dmesg), try another card, then another reader.',
    cause,
    evidence,
  });
}

/** A pulled card leaves its reader, with a size of 0; a pulled reader takes its node with it. */
function isGone({ path, kind, identity }: MediumName): boolean {
  try {
    if (kind === 'block') return Number(readFileSync(`/sys/dev/block/${identity}/size`, 'latin1')) === 0;
    return fileIdentity(statSync(path)) !== identity;
  } catch {
    return true;
  }
}

export function fileIdentity({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}/${ino}`;
}
