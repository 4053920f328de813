import type { Image } from '../../contracts/board.js';
import type { Dirt, StartState } from '../../contracts/suite.js';
import type { Verdict } from '../../contracts/verdict.js';
import type { ManagedBoard } from './managed-board.js';

/** What the runner knows of one board between two tests. */
export interface BoardState {
  /** The image that was provisioned last, and whether a board has run from it since. */
  image: Image | undefined;
  medium: 'unknown' | 'fresh' | 'used';
  /**
   * `left`: by a test that passed and began with the board off, so that it may be at a shell. `doubtful`: a test failed or a call was cut short.
   * Ask before trusting either.
   */
  running: 'off' | 'shell' | 'left' | 'doubtful';
  /** What tests left changed since the last boot or provisioning. */
  dirt: Set<Dirt>;
}

export function unknownState(): BoardState {
  return { image: undefined, medium: 'unknown', running: 'doubtful', dirt: new Set() };
}

/** The state of the medium and the stage that a test asks for. */
export interface Wanted {
  readonly from: StartState;
  readonly image: Image | undefined;
}

/** A state that can be saved once and then be had back as often as wanted. */
export type SavedState = Extract<StartState, 'shell' | 'bootloader'>;

/** Saved states of one board, with the image that a test wants. */
export interface Warm {
  /** @returns `none`: there is no such state, and the board is as it was; `lost`: it must boot, from a medium provisioned anew */
  restore(state: SavedState): Promise<'restored' | 'none' | 'lost'>;
  /**
   * The board has just come to `state` from a fresh medium. Never rejects.
   *
   * @returns false when saving went wrong, which may have cost the board: it is in no known state
   */
  keep(state: SavedState): Promise<boolean>;
}

/**
 * Brings a board to a start state the cheapest way, and keeps `state` true while it does. With `warm`, a board that is not known
 * to be clean is restored rather than asked or mended; where nothing is saved yet, the one that a test has just booted goes on, and what a boot
 * comes to is saved when one is needed. Rejects with the error of the step that failed; the state is then doubtful.
 */
export async function reach(
  board: ManagedBoard,
  state: BoardState,
  wanted: Wanted,
  warm?: Warm,
): Promise<void> {
  const { from } = wanted;
  if (warm && (from === 'shell' || from === 'bootloader')) {
    if (from === 'shell' && holds(state, wanted.image) && isClean(state)) return;
    const { medium, running } = state;
    const outcome = await restored(state, { image: wanted.image, from, warm });
    if (outcome === 'restored') return;
    if (outcome === 'none') Object.assign(state, { medium, running });
    if (from === 'shell' && (await goesOn(board, state, wanted.image))) return;
    await provision(board, state, wanted.image);
    await proceed(board, state, from);
    if (await warm.keep(from)) return;
    state.running = 'doubtful';
    // A shell can be asked whether it still answers, a bootloader cannot.
    if (from === 'bootloader') await provision(board, state, wanted.image);
    await proceed(board, state, from);
    return;
  }
  const startsFresh = from === 'fresh' || from === 'bootloader';
  if (
    !holds(state, wanted.image) ||
    (startsFresh && state.medium !== 'fresh') ||
    (state.dirt.has('disk') && from !== 'any')
  )
    await provision(board, state, wanted.image);
  await proceed(board, state, from);
}

/** From nothing known: power off, a fresh medium, and then `reach` without any saved state. The one recovery that a board gets. */
export async function recover(board: ManagedBoard, state: BoardState, wanted: Wanted): Promise<void> {
  state.running = 'doubtful';
  await powerOff(board, state);
  await provision(board, state, wanted.image);
  await reach(board, state, wanted);
}

/**
 * Tells what a test that began in `from` leaves behind; `started`: meanwhile the board was powered on or reset. A test that
 * skips has changed nothing yet (`TestContext.skip`), so that what it declares to dirty is clean.
 */
export function leave(
  state: BoardState,
  test: { from: StartState; dirties: Dirt },
  { verdict, started }: { verdict: Verdict; started: boolean },
): void {
  if (verdict === 'skipped' && !started) {
    // That it is off costs nothing to make sure of.
    if (state.running === 'off') state.running = 'doubtful';
    return;
  }
  if (test.from !== 'any' || state.running !== 'off' || started)
    state.medium = state.medium === 'fresh' ? 'used' : state.medium;
  if (test.dirties !== 'nothing') state.dirt.add(test.dirties);
  // A test from power-off may end in any stage; one that failed may have ended anywhere.
  const passed = verdict === 'passed' || verdict === 'skipped';
  const booted = started && (test.from === 'fresh' || test.from === 'off');
  if (!passed) state.running = 'doubtful';
  else if (test.from === 'shell') state.running = 'shell';
  else state.running = booted ? 'left' : 'doubtful';
}

/** Whether the medium is known to hold `image`, whatever has run from it since. */
function holds({ medium, image: present }: BoardState, image: Image | undefined): boolean {
  return medium !== 'unknown' && present?.sha256 === image?.sha256;
}

function isClean({ running, dirt }: BoardState): boolean {
  return running === 'shell' && dirt.size === 0;
}

async function restored(
  state: BoardState,
  { image, from, warm }: { image: Image | undefined; from: SavedState; warm: Warm },
): Promise<'restored' | 'none' | 'lost'> {
  state.medium = 'unknown';
  state.running = 'doubtful';
  const outcome = await warm.restore(from);
  if (outcome !== 'restored') return outcome;
  state.image = image;
  state.medium = 'used';
  state.running = from === 'shell' ? 'shell' : 'doubtful';
  state.dirt.clear();
  return outcome;
}

/** Whether the board is at a shell of `image` that a test which passed has booted, and nothing has changed since. */
async function goesOn(board: ManagedBoard, state: BoardState, image: Image | undefined): Promise<boolean> {
  if (state.running !== 'left' || state.dirt.size > 0 || !holds(state, image)) return false;
  if (!(await isOn(board)) || !(await board.answers())) return false;
  state.running = 'shell';
  return true;
}

/** From a medium that is right. */
async function proceed(board: ManagedBoard, state: BoardState, from: StartState): Promise<void> {
  switch (from) {
    case 'any':
      return;
    case 'fresh':
    case 'off':
      return powerOff(board, state);
    case 'bootloader':
      return toBootloader(board, state);
    case 'shell':
      return toShell(board, state);
  }
}

async function toShell(board: ManagedBoard, state: BoardState): Promise<void> {
  if (state.dirt.has('network')) {
    await board.link.up();
    state.dirt.delete('network');
    state.running = 'doubtful';
  }
  if (state.dirt.has('memory')) await powerOff(board, state);
  if (state.running === 'shell') return;
  const isUnsure = state.running === 'doubtful' || state.running === 'left';
  if (isUnsure && (await isOn(board)) && (await board.answers())) {
    state.running = 'shell';
    return;
  }
  await powerOff(board, state);
  state.medium = state.medium === 'fresh' ? 'used' : state.medium;
  await board.boot();
  state.running = 'shell';
}

async function toBootloader(board: ManagedBoard, state: BoardState): Promise<void> {
  await powerOff(board, state);
  state.medium = 'used';
  state.running = 'doubtful';
  await board.bootToBootloader();
}

async function provision(board: ManagedBoard, state: BoardState, image: Image | undefined): Promise<void> {
  await powerOff(board, state);
  state.medium = 'unknown';
  await board.provision(image);
  state.image = image;
  state.medium = 'fresh';
  state.dirt.clear();
}

/** Off while nobody uses it. Where that goes wrong, it is asked again before the next test that needs it. */
export async function rest(board: ManagedBoard, state: BoardState): Promise<void> {
  await powerOff(board, state).catch(() => {
    state.running = 'doubtful';
  });
}

async function powerOff(board: ManagedBoard, state: BoardState): Promise<void> {
  if (state.running !== 'off') await board.power.off();
  state.running = 'off';
  state.dirt.delete('memory');
  state.dirt.delete('network');
  if (board.has('bootMode')) await toNormalMode(board);
  if (board.has('link')) await board.link.up();
}

/** Whatever mode a test left: the next one boots what its image is. */
async function toNormalMode({ bootMode }: ManagedBoard): Promise<void> {
  const [normal] = await bootMode.modes();
  if (normal !== undefined) await bootMode.set(normal);
}

async function isOn(board: ManagedBoard): Promise<boolean> {
  return (await board.power.state()) === 'on';
}
