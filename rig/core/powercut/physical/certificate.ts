import type { Certificate } from '../../../contracts/powercut-verdict.js';
import { countOutcomes } from '../judge/certificate.js';
import type { CutSeries } from './cut-board.js';

/** Places and phases of a board's own certificate count in these. */
const tenthMs = 100;

/** What cuts of a board itself have shown, in the form of every certificate. */
export function certifyCuts(
  { cuts, phases, endMs }: CutSeries,
  facts: Pick<Certificate, 'operation' | 'board' | 'base' | 'seed' | 'seconds'>,
): Certificate {
  const media = new Set(cuts.map(({ medium, number }) => medium ?? String(number)));
  return {
    format: 'boardrig-powercut/1',
    ...facts,
    model: 'physical',
    log: { writes: 0, flushes: 0, discards: 0, bytes: 0, epochs: 0 },
    phases: [
      ...phases.map(({ name, ms }) => ({ name, from: Math.round(ms / tenthMs) })),
      { name: 'over', from: Math.round(endMs / tenthMs) },
    ],
    counts: [],
    sampled: [],
    notTorn: { writes: 0, states: '0' },
    states: cuts.length,
    distinct: media.size,
    booted: cuts.length,
    settledStatically: 0,
    spent: [],
    checked: { states: 0, disagreed: [] },
    verdicts: countOutcomes(cuts.map(({ verdict }) => verdict)),
    left: 0,
    judged: cuts.map(({ number, time, atMs, verdict }) => ({
      state: `cut ${number}: ${time.afterMs} ms into ${time.phase}`,
      kind: 'cut',
      epoch: 0,
      entry: Math.round(atMs / tenthMs),
      verdict,
    })),
    counterexamples: [],
  };
}
