import type { BootVerdict, SlotBoot, TestContext, UpdateFault } from '../../rig/mod.js';
import { assertOldSystem } from './came-up.js';
import type { Start } from './start.js';

/** What shows on the console of each boot of a system with the fault. */
interface Marker {
  readonly verdict: BootVerdict;
  /** What its health check names. */
  readonly complaint?: RegExp;
}

/** Of faults that end every boot by themselves; a system that is only never good goes on until somebody reboots it. */
const markers = {
  'no-init': { verdict: 'panicked' },
  panic: { verdict: 'panicked' },
  hang: { verdict: 'reset' },
  engine: { verdict: 'bad', complaint: /engine/ },
  network: { verdict: 'bad', complaint: /net/ },
  'reboot-loop': { verdict: 'reset' },
} as const satisfies Partial<Record<UpdateFault, Marker>>;

export type SelfEndingFault = keyof typeof markers;

/** Reboots into the faulty slot, and shows that the board comes back by itself within its tries. */
export async function returnsFrom(t: TestContext, fault: SelfEndingFault, from: Start): Promise<void> {
  await t.step('Reboot into it, and wait for the old system', async () => {
    const began = performance.now();
    const boots = await t.board.update.settle();
    t.measure('rollback.time', Math.round(performance.now() - began), 'ms');
    if (boots.length > 0) assertTries(t, boots, { marker: markers[fault], from });
    await assertOldSystem(t, from);
  });
}

function assertTries(
  t: TestContext,
  boots: readonly SlotBoot[],
  { marker, from }: { readonly marker: Marker; readonly from: Start },
): void {
  const faulty = boots.filter(({ slot }) => slot !== from.slot);
  const last = boots.at(-1);
  t.measure('rollback.tries', faulty.length, 'boots');
  t.ok(faulty.length > 0, 'the new slot was started');
  t.ok(faulty.length <= from.promise.tries, `${faulty.length} boots of it are at most ${from.promise.tries}`);
  t.equal(boots.length, faulty.length + 1, 'then the old one, once');
  for (const boot of faulty) {
    t.equal(boot.verdict, marker.verdict, `boot ${boot.epoch} of slot ${boot.slot} shows the fault`);
    if (marker.complaint) t.match(boot.complaint ?? '', marker.complaint, 'and its health check names it');
  }
  assertCounted(t, faulty);
  t.equal(last?.slot, from.slot, 'the old slot is the last');
  t.equal(last?.verdict, 'good', 'and good');
}

/** Each boot costs a try, where the bootloader tells. */
export function assertCounted(t: TestContext, boots: readonly SlotBoot[]): void {
  const left = boots.flatMap(({ tries }) => (tries === undefined ? [] : [tries]));
  const wanted = left.map((_, index) => left.length - 1 - index);
  if (left.length > 0) t.same(left, wanted, 'the bootloader counted its tries down to none');
}
