import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Driver } from '../../rig/contracts/driver.js';
import { open, openLine, Sink, until } from '../wired/support.js';
import { isRigsFault } from './rigs-fault.js';

/**
 * What is wrong with what carries a console: nobody is there; it takes us and never says a word; it speaks nonsense (where it and we
 * must agree on something, before that); it answers late.
 */
export type ConsoleFault = 'gone' | 'silent' | 'garbage' | 'late';

export interface FaultyConsole {
  readonly driver: Driver;
  /** Its time-outs are short. */
  readonly options: Record<string, unknown>;
  /** Whether a far end that says nothing can be told from a board that says nothing. */
  readonly agrees: boolean;
  /** Undefined: it is well again. */
  fault(fault: ConsoleFault | undefined): Promise<void> | void;
  /** The board says something. */
  say(bytes: Uint8Array): void;
  /** What the board heard so far. */
  heard(): Buffer;
}

const words = 'it is told whose fault it is';

/** So much nonsense comes. */
export const garbageBytes = 64 * 1024;

/** What every console driver keeps when what carries it answers late, garbage or never: told once, never made up, and well again after it. */
export async function consoleFaultConformance(
  t: Test,
  make: (t: Test) => Promise<FaultyConsole>,
): Promise<void> {
  for (const fault of ['gone', 'silent', 'garbage', 'late'] as const)
    await t.test(fault, async (t) => {
      const far = await make(t);
      await far.fault(fault);
      const device = await open(far.driver, far.options);
      const sink = new Sink();
      const opening = openLine(device, sink).catch((error: unknown) => error);
      if (fault === 'gone') await isLost(t, opening, sink);
      else if (fault === 'silent' && far.agrees) isRigsFault(t, await opening, words);
      else if (fault === 'silent') t.notOk((await opening) instanceof Error, 'a silent board is no fault');
      else await opening;
      if (fault === 'garbage' && !far.agrees) {
        const garbage = randomBytes(garbageBytes);
        far.say(garbage);
        await until(() => sink.bytes.length >= garbageBytes, 'all of it');
        t.ok(sink.bytes.equals(garbage), 'it is what the board said');
      }
      if (fault === 'late') {
        t.notOk((await opening) instanceof Error, 'it is waited for');
        far.say(Buffer.from('U-Boot'));
        await until(() => sink.bytes.toString('latin1').endsWith('U-Boot'), 'what came late');
      }
      await device[Symbol.asyncDispose]();
      t.ok(sink.losses.length <= 1, 'a loss is told once');
      await far.fault(undefined);
      await works(t, far);
    });
}

async function works(t: Test, far: FaultyConsole): Promise<void> {
  const device = await open(far.driver, far.options);
  const sink = new Sink();
  const line = await openLine(device, sink);
  const before = far.heard().length;
  await line.write(Buffer.from('marco'));
  await until(() => far.heard().subarray(before).toString('latin1').endsWith('marco'), 'what was typed');
  far.say(Buffer.from('polo'));
  await until(() => sink.bytes.toString('latin1').endsWith('polo'), 'what was said');
  await device[Symbol.asyncDispose]();
  t.same(sink.losses, [], 'it is well again');
}

async function isLost(t: Test, opening: Promise<unknown>, sink: Sink): Promise<void> {
  const failed = await opening;
  if (!(failed instanceof Error)) await until(() => sink.losses.length > 0, 'the loss');
  isRigsFault(t, failed instanceof Error ? failed : sink.losses[0], words);
}
