import type { Test } from 'tap';
import type { Power } from '../../rig/contracts/capabilities.js';
import type { Device } from '../../rig/contracts/driver.js';
import { failsByTheRig } from './rigs-fault.js';

/**
 * What is wrong with a switch: it never answers; it answers what means nothing; it answers well and does nothing; it answers
 * before it does what it was told to.
 */
export type SwitchFault = 'silent' | 'garbage' | 'deaf' | 'late';

export interface FaultySwitch {
  /** Another session on the same switch; its time-outs are short. */
  open(): Promise<Device>;
  /** Undefined: it is well again. */
  set fault(fault: SwitchFault | undefined);
  readonly isOn: boolean;
}

/** What every power driver keeps when its device answers late, garbage or never. */
export async function powerFaultConformance(
  t: Test,
  make: (t: Test) => Promise<FaultySwitch>,
): Promise<void> {
  for (const fault of ['silent', 'garbage', 'deaf'] as const)
    await t.test(fault, async (t) => {
      const faulty = await make(t);
      const device = await faulty.open();
      const power = powerOf(device);
      faulty.fault = fault;
      await failsByTheRig(t, () => power.on(), 'on is not believed');
      if (fault === 'deaf') t.equal(await power.state(), 'off', 'what it says is told');
      else await failsByTheRig(t, () => power.state(), 'nobody makes a state up');
      faulty.fault = undefined;
      await power.on();
      t.equal(await power.state(), 'on', 'it recovers');
      t.ok(faulty.isOn);
      await device[Symbol.asyncDispose]();
      t.notOk(faulty.isOn);
    });

  await t.test('late', async (t) => {
    const faulty = await make(t);
    faulty.fault = 'late';
    const device = await faulty.open();
    const power = powerOf(device);
    await power.on();
    t.ok(faulty.isOn, 'on is over when it is on, not when it was told to be');
    await power.off();
    t.notOk(faulty.isOn, 'off too');
    await device[Symbol.asyncDispose]();
  });

  await t.test('silent at the end', async (t) => {
    const faulty = await make(t);
    const device = await faulty.open();
    await powerOf(device).on();
    faulty.fault = 'silent';
    await failsByTheRig(t, async () => device[Symbol.asyncDispose](), 'nobody says that the board is off');
    faulty.fault = undefined;
    t.ok(faulty.isOn, 'it is on still');
    const next = await faulty.open();
    t.notOk(faulty.isOn, 'the next session takes it off');
    await next[Symbol.asyncDispose]();
  });
}

function powerOf(device: Device): Power {
  const { power } = device.capabilities;
  if (!power) throw new Error('the device gives no power');
  return power;
}
