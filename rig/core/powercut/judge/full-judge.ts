import type { Cancellable } from '../../../contracts/capabilities.js';
import { RigError } from '../../../contracts/errors.js';
import type { CrashState } from '../../../contracts/powercut.js';
import type { Verdict } from '../../../contracts/powercut-verdict.js';
import type { Board } from '../../../contracts/suite.js';
import { type BootLimits, bootView, type CrashBoard } from './boot-judge.js';
import type { Signs } from './boot-lines.js';
import type { BootWatch, WatchEnd } from './boot-watch.js';
import { type Keepsakes, keepsakesOn } from './keepsakes.js';
import { quickHealth } from './quick-health.js';
import type { Trial } from './trial.js';

/** What the full judgement of a board needs to know of the operation. */
export interface Judgement {
  readonly signs: Signs;
  readonly limits: FullLimits;
  readonly keepsakes: Keepsakes;
  /** Whether a board that is up shows what it was before the operation, or what it is after it. */
  readonly sideOf: (board: Board) => Promise<'old' | 'new'>;
  /** Does the operation again, up to the point where the bootloader would take another slot than the one that runs; undefined: it need not be. */
  readonly again?: (board: Board) => Promise<void>;
  /** What is in the board's slot installs the system first, and powers the board off. */
  readonly bySlot?: boolean;
}

export interface FullLimits extends BootLimits {
  /** From a power-on or reset until the board is healthy, or resets itself because it is not. */
  readonly healthyMs: number;
  /** A board that says nothing for so long stands still. */
  readonly silentMs: number;
  /** For what is in the slot to install a system, from its power-on to the board's power-off. */
  readonly bySlotMs: number;
  /** More boots than this without a healthy one are a loop: all tries of all slots, and a few. */
  readonly maxBoots: number;
}

/** A board that is up, to be asked things; disposing it leaves the session alone. */
export type Attach = () => Promise<Board & AsyncDisposable>;

/**
 * Boots a state and looks whether the board comes up by itself, is healthy, has kept what it had, and can do the operation again.
 * The board is off when it resolves, or rejects. A brick is believed only when it comes a second time: the host may have been
 * busy. Lost data is believed at once.
 */
export async function judgeFully(state: CrashState, options: FullJudging): Promise<Trial<Verdict>> {
  const first = await judgeOnce(state, options);
  // No host is so slow that files change.
  if (!isBad(first.sight) || first.sight.outcome === 'dataLost') return first;
  const second = await judgeOnce(state, options);
  if (isBad(second.sight)) return second;
  const why = `${second.sight.why}; a boot before it came out otherwise: ${first.sight.why}`;
  return { ...second, sight: { ...second.sight, why } };
}

interface FullJudging extends Cancellable {
  readonly board: CrashBoard;
  readonly judgement: Judgement;
  readonly attach: Attach;
}

/** Whether a certificate must not hold such a verdict. */
export function isBad({ outcome }: Verdict): boolean {
  return outcome === 'bricked' || outcome === 'dataLost';
}

async function judgeOnce(state: CrashState, options: FullJudging): Promise<Trial<Verdict>> {
  const { board, judgement, signal } = options;
  const { session, view } = board;
  const before = await session.cpuSeconds();
  const watch = await bootView(board, { signs: judgement.signs, signal });
  try {
    const stuck = judgement.bySlot ? await untilInstalled(watch, options) : undefined;
    const verdict = stuck ?? (await judgeWatched({ watch, ...options }));
    await session.capabilities.power?.off();
    const after = await session.cpuSeconds();
    return {
      state: state.name,
      sight: verdict,
      read: view.readSet(),
      ...(before === undefined || after === undefined ? {} : { cpuSeconds: after - before }),
    };
  } finally {
    watch[Symbol.dispose]();
    await session.capabilities.power?.off();
  }
}

/** Lets what is in the slot install its system, takes it out, and powers the board on again. @returns why that cannot be; undefined when it was done */
async function untilInstalled(
  watch: BootWatch,
  { board: { session }, judgement: { limits }, signal }: FullJudging,
): Promise<Verdict | undefined> {
  const end = await watch.until(() => watch.resets > 0, {
    silentMs: limits.silentMs,
    timeoutMs: limits.bySlotMs,
    signal,
  });
  if (end !== 'off') return bricked(watch, end);
  await session.capabilities.mux?.toRig({ signal });
  watch.forget();
  await session.capabilities.power?.on({ signal });
  return undefined;
}

/** Judges a board that was just powered on, under a watch that began before. */
export async function judgeWatched(board: WatchedBoard): Promise<Verdict> {
  const { watch, judgement, signal } = board;
  const end = await untilHealthy(watch, judgement, { signal });
  return end === 'met' ? judgeUp(board) : bricked(watch, end);
}

export interface WatchedBoard extends Cancellable {
  readonly watch: BootWatch;
  readonly judgement: Judgement;
  readonly attach: Attach;
}

/** Follows a board from boot to boot until it is healthy, or never will be. */
export async function untilHealthy(
  watch: BootWatch,
  { signs, limits }: Pick<Judgement, 'signs' | 'limits'>,
  { signal }: Cancellable,
): Promise<WatchEnd> {
  const tooMany = (): boolean => watch.choices.length > limits.maxBoots || watch.resets > limits.maxBoots;
  // Without a word of health a board is up when it is asked and answers.
  const up = (): boolean =>
    signs.good === undefined ? watch.version !== undefined : watch.health?.good === true;
  const end = await watch.until(() => up() || tooMany(), {
    silentMs: limits.silentMs,
    timeoutMs: limits.healthyMs * (limits.maxBoots + 1),
    signal,
  });
  return end === 'met' && !up() ? 'late' : end;
}

/** Of a board that says it is healthy. */
async function judgeUp(up: WatchedBoard): Promise<Verdict> {
  const { choices, version } = up.watch;
  const slot = choices.at(-1)?.slot;
  const facts = {
    tries: Math.max(1, choices.length),
    ...(slot === undefined ? {} : { slot }),
    ...(version === undefined ? {} : { version }),
    by: 'full' as const,
  };
  try {
    return { ...facts, ...(await lookCloser(up, facts)) };
  } catch (error) {
    up.signal?.throwIfAborted();
    if (!(error instanceof RigError) || error.blame !== 'board') throw error;
    const why = `The board said that it is healthy, and then: ${error.message}`;
    return { ...facts, outcome: 'bricked', brick: 'unhealthy', why };
  }
}

async function lookCloser(
  up: WatchedBoard,
  { tries, slot }: { readonly tries: number; readonly slot?: string },
): Promise<Pick<Verdict, 'outcome' | 'brick' | 'why'>> {
  const { judgement } = up;
  await using board = await up.attach();
  const side = await judgement.sideOf(board);
  const complaints = await quickHealth(board.ssh, board.profile);
  const lost = complaints.find((complaint) => complaint.lost);
  if (lost) return { outcome: 'dataLost', why: lost.what };
  const [complaint] = complaints;
  if (complaint) return { outcome: 'bricked', brick: 'unhealthy', why: complaint.what };
  const missing = await lostKeepsake(board, judgement.keepsakes);
  if (missing !== undefined) return { outcome: 'dataLost', why: missing };
  const stuck = judgement.again && (await cannotRepeat(up, { board, again: judgement.again }));
  if (stuck !== undefined) return { outcome: 'bricked', brick: 'no-update', why: stuck };
  const where = slot === undefined ? '' : ` in slot ${slot}`;
  const why = `The board came up healthy${where} at try ${tries} and kept what it had${judgement.again ? '; it took the update again' : ''}`;
  return { outcome: tries > 1 ? 'recovered' : side, why };
}

async function lostKeepsake(board: Board, keepsakes: Keepsakes): Promise<string | undefined> {
  if (keepsakes.length === 0) return undefined;
  const now = new Set(await keepsakesOn(board.ssh, board.profile));
  const missing = keepsakes.filter((line) => !now.has(line));
  if (missing.length === 0) return undefined;
  const files = missing.map((line) => line.split(/\s+/)[1]);
  return `What was on the board before the operation is gone or changed: ${files.join(', ')}`;
}

/** @returns why not; undefined when it can */
async function cannotRepeat(
  { watch, judgement, signal }: WatchedBoard,
  { board, again }: { board: Board; again: NonNullable<Judgement['again']> },
): Promise<string | undefined> {
  const ran = watch.choices.at(-1)?.slot;
  try {
    await again(board);
  } catch (error) {
    signal?.throwIfAborted();
    return `It cannot take the update again: ${error instanceof Error ? error.message : String(error)}`;
  }
  const seen = watch.choices.length;
  await board.reset({ signal });
  const end = await watch.until(() => watch.choices.length > seen, {
    silentMs: judgement.limits.bootloaderMs,
    timeoutMs: judgement.limits.bootloaderMs * judgement.limits.loopResets,
    signal,
  });
  const chosen = watch.choices.at(-1)?.slot;
  if (end === 'met' && chosen !== ran) return undefined;
  return end === 'met'
    ? `After the update was taken again the bootloader chose slot ${chosen}, which ran before it`
    : 'After the update was taken again the bootloader chose no slot';
}

/** Of a board that `untilHealthy` gave up. */
export function bricked(watch: BootWatch, end: WatchEnd): Verdict {
  const boots = watch.choices.length;
  const last = watch.tail().findLast((line) => line.trim() !== '') ?? '';
  const slots = [...new Set(watch.choices.map(({ slot }) => slot))].join(', ');
  const what =
    end === 'off'
      ? 'The board switched itself off'
      : end === 'late'
        ? `The board was not healthy after ${boots} boots and ${watch.resets} resets`
        : 'The board stood still before it was healthy';
  return {
    outcome: 'bricked',
    brick: end === 'late' ? 'reset-loop' : 'hang',
    why: `${what}; slots tried: ${slots || 'none'}; the last line was ${JSON.stringify(last.trim())}`,
    tries: boots,
    by: 'full',
  };
}
