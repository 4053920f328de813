import { availableParallelism, loadavg } from 'node:os';

/**
 * Wall time of one round of the workload on the reference host: one core of an otherwise idle 2-core cloud machine
 * (x86-64, about 3 GHz, Node 20), on which the boards' budgets were measured.
 */
const referenceRoundMs = 4;
const rounds = 3;
const stepsPerRound = 2_800_000;

/** Never below 1, so that a fast host still allows what a board promises; more than 5 only makes hung boards fail late. */
const bounds = { least: 1, most: 5 } as const;

/**
 * How many times slower this host is, now and with all else that runs on it, than the reference host. Deadlines of
 * virtual boards are multiplied by it. Costs about 14 ms of CPU, before every run.
 *
 * @param boards that will run beside each other
 */
export function measureSpeedFactor({ boards = 1 } = {}): number {
  // The first round is compiled while it runs.
  work(stepsPerRound / 4);
  const times = Array.from({ length: rounds }, () => {
    const began = performance.now();
    work(stepsPerRound);
    return performance.now() - began;
  });
  const [load = 0] = loadavg();
  return speedFactorOf(times, { busy: load + boards, cpus: availableParallelism() });
}

/**
 * The rounds fit into what the scheduler gives to anybody who wakes, so that they tell how fast a processor is and not how many
 * wait for it; the load of the last minute tells that.
 *
 * @param roundsMs their median counts, so that one round during which the host was busy elsewhere does not decide
 */
export function speedFactorOf(
  roundsMs: readonly number[],
  { busy, cpus }: { readonly busy: number; readonly cpus: number },
): number {
  const sorted = [...roundsMs].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? referenceRoundMs;
  const slowness = Math.max(1, median / referenceRoundMs) * Math.max(1, busy / cpus);
  return Math.round(Math.min(bounds.most, Math.max(bounds.least, slowness)) * 100) / 100;
}

/** Where the result goes, so that the compiler cannot leave the work out. */
const result = new Int32Array(1);

/** Integer work that depends on itself, as QEMU's translator loop does: no vector unit can shorten it. */
function work(steps: number): void {
  let x = 12345;
  for (let step = 0; step < steps; step += 1) x = (Math.imul(x, 1664525) + 1013904223) ^ (x >>> 7);
  result[0] = x;
}
