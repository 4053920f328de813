import type { CrashState, Enumeration, WriteLog } from '../../../contracts/powercut.js';
import {
  type Certificate,
  type JudgedState,
  type Outcome,
  outcomes,
  type Verdict,
} from '../../../contracts/powercut-verdict.js';
import { type Explored, type Tier, tiers } from './explore.js';

export interface CertificateParts
  extends Pick<Certificate, 'operation' | 'board' | 'base' | 'seconds' | 'counterexamples'> {
  readonly log: WriteLog;
  readonly enumeration: Enumeration;
  readonly explored: Explored;
}

/** What was proven, from what was judged. */
export function certify(parts: CertificateParts): Certificate {
  const { operation, board, base, log, enumeration, explored, seconds, counterexamples } = parts;
  const { states, model, seed, counts, sampled, notTorn } = enumeration;
  const judged = [...states].sort(byPlace).map((state) => judgedState(state, explored));
  const writes = log.entries.filter(({ kind }) => kind === 'write');
  const flushes = log.entries.filter(({ flush }) => flush).length;
  return {
    format: 'boardrig-powercut/1',
    ...{ operation, board, base, model, seed, counts, sampled, notTorn, seconds, counterexamples },
    log: {
      writes: writes.length,
      flushes,
      discards: log.entries.filter(({ kind }) => kind === 'discard').length,
      bytes: writes.reduce((sum, { sectors }) => sum + sectors * 512, 0),
      // Not spread into `max`: there may be more states than a call has arguments.
      epochs: states.reduce((most, { epoch }) => Math.max(most, epoch + 1), 0),
      ...(log.cutShort ? { cutShort: true as const } : {}),
    },
    phases: log.phases,
    states: states.length,
    distinct: explored.distinct,
    booted: explored.made.length,
    spent: tiers.map((tier) => spentOn(tier, explored)),
    settledStatically: judged.filter(({ verdict }) => verdict?.by === 'settled').length,
    toldByBootloader: explored.toldByBootloader,
    checked: explored.checked,
    verdicts: countOutcomes(explored.verdicts.values()),
    left: judged.filter(({ verdict }) => verdict === undefined).length,
    judged,
  };
}

function spentOn(tier: Tier, { made }: Explored): Certificate['spent'][number] {
  const trials = made.filter((one) => one.tier === tier);
  const cpuSeconds = trials.reduce((sum, { trial }) => sum + (trial.cpuSeconds ?? 0), 0);
  return { tier, boots: trials.length, cpuSeconds: Math.round(cpuSeconds * 10) / 10 };
}

export function countOutcomes(verdicts: Iterable<Verdict>): Record<Outcome, number> {
  const counts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  for (const { outcome } of verdicts) counts[outcome] += 1;
  return counts;
}

/** The last entry that is on the medium; -1 before the first. */
export function placeOf({ durable, kept }: CrashState): number {
  return Math.max(durable - 1, kept.at(-1) ?? -1);
}

function judgedState(state: CrashState, { verdicts }: Explored): JudgedState {
  const verdict = verdicts.get(state.name);
  return {
    state: state.name,
    kind: state.kind,
    epoch: state.epoch,
    entry: placeOf(state),
    ...(verdict === undefined ? {} : { verdict }),
  };
}

function byPlace(a: CrashState, b: CrashState): number {
  return a.epoch - b.epoch || placeOf(a) - placeOf(b);
}

/** The last thing that `rig powercut --json` prints. */
export type PowercutSummary = Pick<
  Certificate,
  | 'operation'
  | 'model'
  | 'seed'
  | 'states'
  | 'distinct'
  | 'booted'
  | 'settledStatically'
  | 'verdicts'
  | 'left'
  | 'seconds'
>;

export function summaryOf(certificate: Certificate): PowercutSummary {
  const { operation, model, seed, states, distinct, booted, settledStatically, verdicts, left, seconds } =
    certificate;
  return { operation, model, seed, states, distinct, booted, settledStatically, verdicts, left, seconds };
}
