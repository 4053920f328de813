import { readdirSync, readFileSync } from 'node:fs';
import { RigError } from '../../contracts/errors.js';
import type { Medium } from '../medium/medium.js';
import type { Drive } from './drive.js';

export const defaultMaxBytes = 64 * 2 ** 30;

export interface SafetyOptions {
  readonly maxBytes: number;
  /** The serial number that the person gave: with the drive's own, all but a write-protected one may be written. */
  readonly serial?: string | undefined;
  /** A mux or a lab file names the very port: what the card merely looks like does not count, what uses it now does. */
  readonly ownPort?: boolean;
}

/** @throws RigError `flash.refused-drive`, `flash.other-serial` (blame: config) */
export function assertMayWrite(drive: Drive, { maxBytes, serial, ownPort }: SafetyOptions): void {
  if (serial !== undefined && serial !== drive.serial)
    throw new RigError(
      `${drive.path} has the serial number ${JSON.stringify(drive.serial ?? '')}, not ${JSON.stringify(serial)}`,
      {
        code: 'flash.other-serial',
        blame: 'config',
        hint: 'lsblk -o PATH,MODEL,SIZE,SERIAL lists them.',
        evidence: { drive: drive.path, serial: drive.serial ?? null },
      },
    );
  const uses = drive.uses.filter(({ active }) => active || !ownPort).map(({ what }) => what);
  const reasons = [
    ...(drive.readOnly ? ['it is write-protected'] : []),
    ...(serial === undefined ? uses : []),
    ...(serial === undefined && drive.sizeBytes > maxBytes
      ? [`it has ${drive.sizeBytes} bytes, more than --max-size (${maxBytes})`]
      : []),
  ];
  if (reasons.length === 0) return;
  const named = drive.serial === undefined ? '' : `, or name its serial number (--serial ${drive.serial})`;
  throw new RigError(`${drive.path} (${drive.model}) will not be written: ${reasons.join('; ')}`, {
    code: 'flash.refused-drive',
    blame: 'config',
    hint: `Is it the right drive? If so, put an end to that${named}.`,
    evidence: { drive: drive.path, model: drive.model, sizeBytes: drive.sizeBytes, reasons },
  });
}

/** @throws RigError `flash.drive-changed` when another medium is there now than the one that was chosen */
export function assertSameDrive(chosen: Drive, now: Drive): void {
  const changed = Object.entries(chosen.fingerprint)
    .filter(([name, value]) => now.fingerprint[name] !== value)
    .map(([name]) => name);
  if (changed.length > 0) throw driveChanged(chosen.path, changed);
}

/** @throws RigError `flash.drive-changed` when what was opened is not what was chosen */
export function assertOpenedDrive(chosen: Drive, medium: Medium): void {
  const changed = [
    ...(medium.identity === chosen.deviceNumber ? [] : ['device']),
    ...(medium.sizeBytes === chosen.sizeBytes ? [] : ['size']),
  ];
  if (changed.length > 0) throw driveChanged(chosen.path, changed);
}

function driveChanged(path: string, changed: readonly string[]): RigError {
  return new RigError(`${path} is not the medium any more that was chosen: ${changed.join(', ')} changed`, {
    code: 'flash.drive-changed',
    blame: 'config',
    hint: 'Somebody changed the card or plugged in another drive. Begin again.',
    evidence: { drive: path, changed },
  });
}

/**
 * A file that the kernel works on as on a disk must not be written underneath it.
 *
 * @throws RigError `flash.refused-drive` (blame: config)
 */
export function assertFileIsFree(path: string): void {
  const loop = readdirSync('/sys/class/block').find(
    (name) => name.startsWith('loop') && read(`/sys/class/block/${name}/loop/backing_file`).trim() === path,
  );
  const swap = read('/proc/swaps')
    .split('\n')
    .some((line) => line.split(/\s+/)[0] === path);
  const why = loop ? `/dev/${loop} is made of it` : swap ? 'this host swaps on it' : undefined;
  if (why === undefined) return;
  throw new RigError(`${path} will not be written: ${why}`, {
    code: 'flash.refused-drive',
    blame: 'config',
    hint: 'Detach it first (losetup -d, swapoff), or give the device instead of the file.',
    evidence: { drive: path, reasons: [why] },
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
