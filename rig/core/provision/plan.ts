import type { BoardType } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';

/** One step of putting an image on a board, each done by one device. */
export type ProvisionStep =
  | 'power-off'
  | 'power-on'
  | 'mux-to-rig'
  | 'mux-to-board'
  /** The rig changes what is on the medium without taking it out: a virtual board's. */
  | 'put'
  /** Writes the drive at the rig and reads it back. */
  | 'write'
  /** The board copies the medium in its slot to its internal storage and powers itself off. */
  | 'flasher';

export type ProvisionMethod = Exclude<BoardType['flash'], 'none'>;

/** What each step says in reports. */
export const stepWords: Readonly<Record<ProvisionStep, string>> = {
  'power-off': 'power off',
  'power-on': 'power on',
  'mux-to-rig': 'medium to the rig',
  'mux-to-board': 'medium to the board',
  put: 'put the image on the medium',
  write: 'write the drive and read it back',
  flasher: 'the flasher copies the image to the internal storage and powers off',
};

const plans: Readonly<Record<Exclude<ProvisionMethod, 'netboot'>, readonly ProvisionStep[]>> = {
  direct: ['power-off', 'put'],
  sd: ['power-off', 'mux-to-rig', 'write', 'mux-to-board'],
  // The medium stays out afterwards, so that the board boots from its internal storage.
  flasher: [
    ...(['power-off', 'mux-to-rig', 'write', 'mux-to-board', 'power-on', 'flasher', 'mux-to-rig'] as const),
  ],
};

/**
 * The steps that put an image on a board; afterwards it is off.
 *
 * @throws RigError `provision.no-netboot`: nothing serves images to boards over the network yet
 */
export function planOf(method: ProvisionMethod): readonly ProvisionStep[] {
  if (method !== 'netboot') return plans[method];
  throw new RigError('This rig cannot boot boards from the network', {
    code: 'provision.no-netboot',
    blame: 'config',
    hint: 'Give the board type another flash method: sd, flasher or direct.',
  });
}

/** What the steps before have made of the board; `unknown` is neither safe nor unsafe until a step settles it. */
interface Circumstances {
  power: 'on' | 'off' | 'unknown';
  medium: 'rig' | 'board' | 'unknown';
}

/**
 * Why carrying `steps` out would harm a board or its medium, or could not work; undefined when it is safe from whatever state it
 * begins in. A card that loses its supply or changes its master while the board uses it is corrupt, or feeds a board
 * that is off through its pins.
 */
export function dangerOf(
  steps: readonly ProvisionStep[],
  { muxUnderPower = false }: Pick<BoardType, 'muxUnderPower'> = {},
): string | undefined {
  const now: Circumstances = { power: 'unknown', medium: 'unknown' };
  for (const [index, step] of steps.entries()) {
    const problem = dangerOfStep(step, { now, muxUnderPower });
    if (problem !== undefined) return `step ${index + 1} (${stepWords[step]}): ${problem}`;
    apply(step, now);
  }
  return now.power === 'off' ? undefined : 'the last step leaves the board on';
}

function dangerOfStep(
  step: ProvisionStep,
  { now, muxUnderPower }: { now: Readonly<Circumstances>; muxUnderPower: boolean },
): string | undefined {
  switch (step) {
    case 'power-off':
      return undefined;
    case 'mux-to-rig':
    case 'mux-to-board':
      return now.power === 'off' || muxUnderPower ? undefined : 'the board may be on while its medium moves';
    case 'put':
      return now.power === 'off' ? undefined : 'the board may be on while its medium changes';
    case 'write':
      return now.medium === 'rig' ? undefined : 'the medium may be at the board while it is written';
    case 'power-on':
      return now.medium === 'rig' ? 'the board has no medium to boot from' : undefined;
    case 'flasher':
      return now.power === 'on' && now.medium === 'board' ? undefined : 'the flasher is not running';
  }
}

function apply(step: ProvisionStep, now: Circumstances): void {
  if (step === 'power-on') now.power = 'on';
  if (step === 'power-off' || step === 'flasher') now.power = 'off';
  if (step === 'mux-to-rig') now.medium = 'rig';
  if (step === 'mux-to-board') now.medium = 'board';
}
