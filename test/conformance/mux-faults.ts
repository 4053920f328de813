import type { Test } from 'tap';
import type { Mux } from '../../rig/contracts/capabilities.js';
import type { Device } from '../../rig/contracts/driver.js';
import { failsByTheRig } from './rigs-fault.js';

/**
 * What is wrong with a mux: it takes an order and the medium stays where it is; it moves late; it says what means nothing; it
 * never answers.
 */
export type MuxFault = 'deaf' | 'late' | 'garbage' | 'silent';

export interface FaultyMux {
  /** Its time-outs are short. */
  open(): Promise<Device>;
  /** Undefined: it is well again, and does what it was told last. */
  fault(fault: MuxFault | undefined): void;
  /** Whether the rig's reader has the medium. */
  readonly isAtRig: boolean;
}

/** What every mux driver keeps when its device answers late, garbage or never: of those `faults` that it can have. */
export async function muxFaultConformance(
  t: Test,
  faults: readonly MuxFault[],
  make: (t: Test) => FaultyMux,
): Promise<void> {
  for (const fault of faults)
    await t.test(fault, async (t) => {
      const faulty = make(t);
      const device = await faulty.open();
      const mux = muxOf(device);
      faulty.fault(fault);
      if (fault === 'late') {
        await mux.toRig();
        t.ok(faulty.isAtRig, 'it is at the rig when it is said to be');
        await mux.toBoard();
        t.notOk(faulty.isAtRig, 'and at the board');
      } else {
        await failsByTheRig(t, () => mux.toRig(), 'no drive is made up');
        faulty.fault(undefined);
        await mux.toRig();
        t.ok(faulty.isAtRig, 'it recovers');
        faulty.fault(fault);
        await failsByTheRig(t, () => mux.toBoard(), 'nobody says that the board has its medium');
        await failsByTheRig(t, () => mux.toBoard(), 'nor when asked again');
        faulty.fault(undefined);
        await mux.toBoard();
        t.notOk(faulty.isAtRig);
        t.equal(await mux.side(), 'board', 'it recovers');
      }
      await device[Symbol.asyncDispose]();
    });
}

function muxOf(device: Device): Mux {
  const { mux } = device.capabilities;
  if (!mux) throw new Error('the device gives no mux');
  return mux;
}
