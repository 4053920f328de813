import { statSync } from 'node:fs';
import type { Cancellable, Drive } from '../../contracts/capabilities.js';
import { readBlockDevices } from '../drive/block-devices.js';
import { type Drive as BlockDrive, driveAt } from '../drive/drive.js';
import { assertMayWrite, assertOpenedDrive } from '../drive/safety.js';
import { Medium, type OpenMediumOptions } from './medium.js';

/**
 * The medium of a board, at the rig: found by its mux's own port, never by being the first disk. It is refused only while
 * somebody uses it.
 *
 * @throws as `Medium.open`, and RigError `flash.refused-drive`, `flash.drive-changed` (blame: config)
 */
export async function openOwnDrive({ path }: Drive, options: Cancellable = {}): Promise<Medium> {
  if (!statSync(path, { throwIfNoEntry: false })?.isBlockDevice()) return await Medium.open(path);
  const drive = await driveAt(path, readBlockDevices, options);
  assertMayWrite(drive, { maxBytes: Number.POSITIVE_INFINITY, ownPort: true });
  return await openDrive(drive);
}

/** A drive that was looked at before, and is still that one. @throws as `Medium.open`, and RigError `flash.drive-changed` (blame: config) */
export async function openDrive(drive: BlockDrive, options: OpenMediumOptions = {}): Promise<Medium> {
  const medium = await Medium.open(drive.path, options);
  try {
    assertOpenedDrive(drive, medium);
    return medium;
  } catch (error) {
    await medium[Symbol.asyncDispose]();
    throw error;
  }
}
