import type { Cancellable } from '../../../contracts/capabilities.js';
import type { CrashState, ExplorableMedium, ServedView } from '../../../contracts/powercut.js';
import type { BoardSession } from '../../../contracts/session.js';
import type { BootChoice, Signs } from './boot-lines.js';
import { BootWatch, type WatchEnd } from './boot-watch.js';
import type { Trial } from './trial.js';

/** What the bootloader came to with a state. */
export interface BootSight {
  /** Its choice, if it came so far. */
  readonly choice?: BootChoice;
  readonly brick?: 'reset-loop' | 'hang' | 'no-slot';
  /** One sentence. */
  readonly why: string;
  /** The last lines of the console, of a brick. */
  readonly tail?: readonly string[];
}

export interface BootLimits {
  /** The bootloader has spoken by then since the power came or the last reset. */
  readonly bootloaderMs: number;
  /** So many resets without a choice are a loop. */
  readonly loopResets: number;
}

export const defaultLoopResets = 4;

/** A virtual board that boots what it is given, and the state that it is given. */
export interface CrashBoard {
  readonly session: BoardSession;
  readonly medium: ExplorableMedium;
  readonly view: ServedView;
}

/** Puts a view on the board's medium and powers it on, with a watch on its console from the first byte. */
export async function bootView(
  { session, medium, view }: CrashBoard,
  { signs, signal }: Cancellable & { readonly signs: Signs },
): Promise<BootWatch> {
  view.forget();
  await medium.bootFrom(view);
  const watch = new BootWatch(session, signs);
  try {
    await session.capabilities.power?.on({ signal });
    return watch;
  } catch (error) {
    watch[Symbol.dispose]();
    throw error;
  }
}

/**
 * Boots a state up to the bootloader's choice. The board is off when it resolves, or rejects.
 *
 * A silence is believed only when it comes a second time: the host may have been busy.
 */
export async function judgeBoot(
  state: CrashState,
  options: Cancellable & {
    readonly board: CrashBoard;
    readonly signs: Signs;
    readonly limits: BootLimits;
  },
): Promise<Trial<BootSight>> {
  const first = await bootOnce(state, options);
  return first.sight.brick === 'hang' || first.sight.brick === 'no-slot' ? bootOnce(state, options) : first;
}

async function bootOnce(
  state: CrashState,
  { board, signs, limits, signal }: Cancellable & { board: CrashBoard; signs: Signs; limits: BootLimits },
): Promise<Trial<BootSight>> {
  const { session, view } = board;
  const before = await session.cpuSeconds();
  const watch = await bootView(board, { signs, signal });
  try {
    const end = await watch.until(() => watch.choices.length > 0 || watch.resets >= limits.loopResets, {
      silentMs: limits.bootloaderMs,
      timeoutMs: limits.bootloaderMs * limits.loopResets,
      signal,
    });
    await session.capabilities.power?.off();
    const after = await session.cpuSeconds();
    return {
      state: state.name,
      sight: sightOf(watch, end),
      read: view.readSet(),
      ...(before === undefined || after === undefined ? {} : { cpuSeconds: after - before }),
    };
  } finally {
    watch[Symbol.dispose]();
    await session.capabilities.power?.off();
  }
}

function sightOf(watch: BootWatch, end: WatchEnd): BootSight {
  const [choice] = watch.choices;
  if (choice) {
    const why = choice.why === undefined ? '' : ` (${choice.why})`;
    return { choice, why: `The bootloader chose slot ${choice.slot}${why}` };
  }
  const tail = watch.tail();
  const last = tail.findLast((line) => line.trim() !== '') ?? '';
  const said = last === '' ? 'the console said nothing' : `the last line was ${JSON.stringify(last.trim())}`;
  if (end === 'met' || end === 'late')
    return {
      brick: 'reset-loop',
      why: `The board reset itself ${watch.resets} times and chose no slot; ${said}`,
      tail,
    };
  if (end === 'off') return { brick: 'no-slot', why: `The board switched itself off; ${said}`, tail };
  return {
    brick: tail.length > 0 ? 'no-slot' : 'hang',
    why: `The board stood still before it chose a slot; ${said}`,
    tail,
  };
}
