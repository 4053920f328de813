import type { BoardConfig, BoardType } from '../../../contracts/board.js';
import { RigError } from '../../../contracts/errors.js';
import { defaultLoopResets } from './boot-judge.js';
import type { Signs } from './boot-lines.js';
import type { FullLimits } from './full-judge.js';

/** Times that a board may take, on a host that is `scale` times slower than the reference. */
export function limitsOf({ type, profile }: BoardConfig, scale: number): FullLimits {
  const { bootloader, shell } = type.budgetsMs;
  const slots = Object.keys(profile.update?.slots ?? { only: '' }).length;
  const tries = profile.update?.tries ?? 1;
  return {
    bootloaderMs: (bootloader ?? shell) * scale,
    loopResets: defaultLoopResets,
    healthyMs: 2 * shell * scale,
    silentMs: shell * scale,
    maxBoots: slots * tries + 2,
    bySlotMs: (type.flasher?.budgetMs ?? 2 * shell) * scale,
  };
}

/**
 * What tells of a boot on the console: the product's own signs, else the bootloader's signature alone.
 *
 * @param options `bySlot`: by the signature in any case, since what is in the board's slot is none of the product's slots
 * @throws RigError `powercut.no-signs`
 */
export function signsOf(
  { type, profile }: Pick<BoardConfig, 'type' | 'profile'>,
  { bySlot = false }: { readonly bySlot?: boolean } = {},
): Signs {
  const chosen = (bySlot ? undefined : profile.update?.signs?.chosen) ?? chosenBySignature(type);
  if (chosen === undefined) {
    throw new RigError(`Nothing tells what the bootloader of a ${type.name} chooses`, {
      code: 'powercut.no-signs',
      blame: 'config',
      hint: 'Give the profile update.signs, or the board type signatures.bootloader.',
    });
  }
  const { version, good, bad } = profile.update?.signs ?? {};
  return { chosen, version: version ?? sourceOf(type.signatures.init), good, bad };
}

/** What follows the signature up to a blank is taken for the slot. */
function chosenBySignature({ signatures }: BoardType): string | undefined {
  const source = sourceOf(signatures.bootloader);
  return source === undefined ? undefined : `${source}(?<slot>[^ ]{0,40})`;
}

function sourceOf(signature: BoardType['signatures']['bootloader']): string | undefined {
  if (signature === undefined) return undefined;
  return 'regexp' in signature
    ? signature.regexp
    : signature.literal.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
