import { RigError } from '../../contracts/errors.js';
import { findExecutable } from '../../lifetime/find-executable.js';

/** @throws RigError `process.missing` */
export function assertZstd(): void {
  if (findExecutable('zstd')) return;
  throw new RigError('Packs are made and read by zstd, which this machine lacks', {
    code: 'process.missing',
    blame: 'rig',
    hint: 'Install it (apt install zstd); rig doctor tells what else is missing.',
  });
}
