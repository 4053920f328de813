import type { BoardType } from '../../contracts/board.js';

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
  | 'flasher'
  /** A board that asks the network what to boot is told the flasher. */
  | 'offer'
  /** It has booted the flasher from the network, which copies the image from the rig and powers the board off. */
  | 'install'
  /** It is told nothing any more. */
  | 'withdraw';

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
  offer: 'offer the flasher over the network',
  install: 'the flasher copies the image from the rig to the internal storage and powers off',
  withdraw: 'offer nothing over the network',
};

const plans: Readonly<Record<ProvisionMethod, readonly ProvisionStep[]>> = {
  direct: ['power-off', 'put'],
  sd: ['power-off', 'mux-to-rig', 'write', 'mux-to-board'],
  // The medium stays out afterwards, so that the board boots from its internal storage.
  flasher: [
    ...(['power-off', 'mux-to-rig', 'write', 'mux-to-board', 'power-on', 'flasher', 'mux-to-rig'] as const),
  ],
  netboot: ['power-off', 'offer', 'power-on', 'install', 'withdraw'],
};

/** The steps that put an image on a board; afterwards it is off. */
export function planOf(method: ProvisionMethod): readonly ProvisionStep[] {
  return plans[method];
}

/** What the steps before have made of the board; `unknown` is neither safe nor unsafe until a step settles it. */
interface Circumstances {
  power: 'on' | 'off' | 'unknown';
  medium: 'rig' | 'board' | 'unknown';
  /** What a board that asks the network is told. */
  network: 'flasher' | 'nothing' | 'unknown';
}

/**
 * Why carrying `steps` out would harm a board or its medium, or could not work; undefined when it is safe from whatever state it
 * begins in. A card that loses its supply or changes its master while the board uses it is corrupt, or feeds a board
 * that is off through its pins. A board to which a flasher is offered wipes its storage whenever it restarts.
 */
export function dangerOf(
  steps: readonly ProvisionStep[],
  { muxUnderPower = false }: Pick<BoardType, 'muxUnderPower'> = {},
): string | undefined {
  const now: Circumstances = { power: 'unknown', medium: 'unknown', network: 'unknown' };
  for (const [index, step] of steps.entries()) {
    const problem = dangerOfStep(step, { now, muxUnderPower });
    if (problem !== undefined) return `step ${index + 1} (${stepWords[step]}): ${problem}`;
    apply(step, now);
  }
  if (now.power !== 'off') return 'the last step leaves the board on';
  return now.network === 'flasher' ? 'the next power-on would install it anew' : undefined;
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
    case 'offer':
      return now.power === 'off' ? undefined : 'the board may be on, and restart into the flasher';
    case 'install':
      return now.power === 'on' && now.network === 'flasher' ? undefined : 'the flasher is not running';
    case 'withdraw':
      return undefined;
  }
}

function apply(step: ProvisionStep, now: Circumstances): void {
  if (step === 'power-on') now.power = 'on';
  if (step === 'power-off' || step === 'flasher' || step === 'install') now.power = 'off';
  if (step === 'mux-to-rig') now.medium = 'rig';
  if (step === 'mux-to-board') now.medium = 'board';
  if (step === 'offer') now.network = 'flasher';
  if (step === 'withdraw') now.network = 'nothing';
}
