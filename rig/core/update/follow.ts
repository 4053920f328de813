import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { SlotBoot, UpdatePromise } from '../../contracts/update.js';
import { need } from '../board/absent.js';
import { type Bootable, sendLastCommand, untilShell } from '../board/boot.js';
import type { SlotHistory } from './slot-history.js';

export interface FollowOptions {
  readonly promise: UpdatePromise;
  readonly history: SlotHistory;
  /** For each boot, scaled already. */
  readonly bootMs: number;
  /** The board was in this epoch, after so many boots, when it began to reboot by itself; absent: it is asked to. */
  readonly from: { readonly epoch: number; readonly boots: number } | undefined;
  /** Whether the product holds the running slot good; absent where it never tells. Asked when a Shell answers and the console is silent about it. */
  readonly heldGood: (() => Promise<boolean>) | undefined;
}

/** How often a product is asked whether it holds its slot good, while its console says nothing. */
const askEveryMs = 2_000;

/** As `BoardUpdate.settle`, on a board with a console. */
export async function follow(board: Bootable, options: FollowOptions): Promise<readonly SlotBoot[]> {
  const { circuit } = board;
  const { history } = options;
  const before = options.from?.boots ?? history.boots.length;
  await circuit.trouble.expecting(() =>
    engineOf(board).tolerating(async () => {
      const old = options.from?.epoch ?? history.epoch;
      if (!options.from) await begin(board);
      await change(board, { ...options, until: () => history.epoch !== old });
      circuit.onCut();
      while (!(await cameGood(board, options))) {
        const boots = history.boots.slice(before);
        if (boots.length > mostBoots(options.promise)) throw neverGood(board, boots);
      }
    }),
  );
  return history.boots.slice(before);
}

async function begin(board: Bootable): Promise<void> {
  if ((await board.power.state()) === 'off') await board.power.on();
  else await sendLastCommand(board, 'reboot');
}

/** @returns false when the boot was over before it was good */
async function cameGood(board: Bootable, options: FollowOptions): Promise<boolean> {
  const { promise, history, bootMs, heldGood } = options;
  const { epoch } = history;
  // The health check comes behind the Shell, and may wait as long for what is not there.
  const due = performance.now() + 2 * bootMs;
  const isOver = (): boolean => history.epoch !== epoch;
  const isGood = (): boolean => history.current?.verdict === 'good';
  const answered = untilShell(board, bootMs).then(
    () => 'shell' as const,
    // Of a boot that is over it says nothing.
    (error: unknown) => ({ error }),
  );
  const first = await Promise.race([answered, whenOver(board, { ...options, until: isOver, answered })]);
  if (isOver()) return false;
  if (typeof first === 'object') throw first.error;
  if (!promise.signs?.good && !heldGood) return true;
  while (!isGood() && !isOver()) {
    const found = await change(board, { ...options, until: () => isGood() || isOver(), softMs: askEveryMs });
    if (found) break;
    const late = performance.now() > due;
    if (heldGood && (late || !talks(options)) && (await heldGood()) && !isOver()) history.seen('good', {});
    else if (late) throw neverGood(board, history.boots.slice(-1));
  }
  return !isOver();
}

/**
 * Whether the console tells what becomes of the boot under way, and so has the first word: what the product holds of a slot
 * that was good before says nothing of this boot. A production system's console is silent behind the bootloader.
 */
function talks({ promise, history }: FollowOptions): boolean {
  return promise.signs?.good !== undefined && history.current?.version !== undefined;
}

/** Looks for the end of a boot until it has `answered`. */
async function whenOver(
  board: Bootable,
  { answered, ...options }: Parameters<typeof change>[1] & { readonly answered: Promise<unknown> },
): Promise<'over'> {
  const done = new AbortController();
  void answered.then(() => done.abort());
  // Longer than a Shell is waited for, whose error tells more.
  await change(board, { ...options, bootMs: options.bootMs * 2, signal: done.signal });
  return 'over';
}

/** Waits until the history shows what `until` looks for. @returns false after `softMs` without */
async function change(
  board: Bootable,
  {
    history,
    bootMs,
    until,
    softMs,
    signal,
  }: FollowOptions & Cancellable & { readonly until: () => boolean; readonly softMs?: number },
): Promise<boolean> {
  const wait = engineOf(board).watch<boolean>({
    action: 'Cannot see how a boot goes on',
    code: 'update.never-good',
    timeoutMs: bootMs,
    signal: signal ? AbortSignal.any([signal, board.circuit.signal]) : board.circuit.signal,
  });
  using _changes = history.onChange(() => {
    if (until()) wait.settle(true);
  });
  const timer =
    softMs === undefined ? undefined : setTimeout(() => wait.settle(false), softMs * board.circuit.scale);
  try {
    if (until()) wait.settle(true);
    return await wait.answer;
  } finally {
    clearTimeout(timer);
  }
}

function engineOf({ circuit }: Bootable) {
  return need(circuit.console, 'console', circuit.name).engine;
}

/** Every slot has used up its tries, and one more for a bootloader that then begins anew. */
function mostBoots({ slots, tries }: UpdatePromise): number {
  return Object.keys(slots).length * (tries + 1);
}

function neverGood({ circuit }: Bootable, boots: readonly SlotBoot[]): RigError {
  const told = boots.map(({ slot, verdict, complaint }) => `${slot} ${complaint ?? verdict}`).join(', ');
  return new RigError(`${circuit.name} came up in no slot that is good: ${told || 'no boot was seen'}`, {
    code: 'update.never-good',
    blame: 'board',
    hint: 'The slot history of the report has a line for each boot; the console tells what its health check said.',
    evidence: { boots: boots.map(({ slot, verdict }) => `${slot} ${verdict}`) },
  });
}
