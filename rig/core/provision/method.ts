import type { BoardType } from '../../contracts/board.js';
import type { Capabilities } from '../../contracts/capabilities.js';
import type { ProvisionMethod } from './plan.js';

/**
 * How an image comes onto a board; undefined for one that boots a given kernel, or a real one whose medium is left as it is.
 */
export function provisionMethodOf(
  { flash }: BoardType,
  { storage }: Pick<Capabilities, 'storage'>,
): ProvisionMethod | undefined {
  if (flash === 'none' || flash === 'direct') return storage ? 'direct' : undefined;
  return flash;
}

/** A board whose image is a flasher: what it boots afterwards, it has written itself. */
export function installsItself({ flash }: Pick<BoardType, 'flash'>): boolean {
  return flash === 'flasher' || flash === 'netboot';
}
