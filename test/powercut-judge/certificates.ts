import type { Certificate, JudgedState } from '../../rig/contracts/powercut-verdict.js';

const judged: readonly JudgedState[] = Array.from({ length: 120 }, (_, index): JudgedState => {
  const entry = Math.floor(index / 2) - 1;
  const base = {
    state: `e${Math.floor(index / 10)}:prefix:w${entry}`,
    kind: 'prefix',
    epoch: Math.floor(index / 10),
    entry,
  } as const;
  const settledBy = `e${Math.floor(index / 10)}:prefix:w0`;
  if (index === 77) return base;
  if (index === 61)
    return {
      ...base,
      verdict: {
        outcome: 'bricked',
        brick: 'reset-loop',
        why: 'The board reset itself 4 times; the last line was "<script>alert(1)</script>\u202e"',
        by: 'boot',
      },
    };
  if (index < 60)
    return {
      ...base,
      verdict: {
        outcome: 'old',
        slot: 'A',
        version: '1.0.0',
        tries: 1,
        why: 'came up',
        by: 'settled',
        settledBy,
      },
    };
  if (index < 90)
    return {
      ...base,
      verdict: { outcome: 'recovered', slot: 'A', version: '1.0.0', tries: 4, why: 'came up', by: 'full' },
    };
  return {
    ...base,
    verdict: {
      outcome: 'new',
      slot: 'B',
      version: '1.0.1',
      tries: 1,
      why: 'came up',
      by: 'settled',
      settledBy,
    },
  };
});

/** Of an update with one brick, whose console is hostile. */
export function brickedCertificate(): Certificate {
  const brick = judged[61];
  if (!brick?.verdict) throw new Error('there is a brick');
  return {
    format: 'boardrig-powercut/1',
    operation: 'update',
    board: { name: 'virt-arm64', type: 'virt-arm64' },
    base: { sha256: 'ab'.repeat(32), sizeBytes: 512 * 2 ** 20, version: '1.0.0' },
    model: 'write-back',
    seed: 5,
    log: { writes: 58, flushes: 12, discards: 0, bytes: 50e6, epochs: 12 },
    phases: [
      { name: 'boot', from: 0 },
      { name: 'install', from: 14 },
      { name: 'first boot of the new version', from: 50 },
    ],
    counts: [
      { kind: 'boundary', states: 12, of: '12' },
      { kind: 'prefix', states: 108, of: '108' },
      { kind: 'subset', states: 0, of: '1180591620717411303424' },
    ],
    sampled: [{ epoch: 4, writes: 70, states: 256, of: '1180591620717411303424' }],
    notTorn: { writes: 51, states: '98304' },
    states: judged.length,
    distinct: 14,
    toldByBootloader: { states: 119, distinct: 6 },
    booted: 40,
    settledStatically: 89,
    spent: [
      { tier: 'boot', boots: 22, cpuSeconds: 9.5 },
      { tier: 'full', boots: 16, cpuSeconds: 204 },
      { tier: 'check', boots: 2, cpuSeconds: 25 },
    ],
    checked: { states: 2, disagreed: [] },
    verdicts: { old: 60, new: 30, recovered: 28, dataLost: 0, bricked: 1 },
    left: 1,
    seconds: 640,
    judged,
    counterexamples: [
      {
        state: brick.state,
        shrunk: { name: 'e6:subset:4', epoch: 6, kind: 'subset', durable: 28, kept: [30] },
        verdict: brick.verdict,
        because: 'kept',
        writes: [
          {
            entry: 30,
            sector: 2100,
            sectors: 1,
            bytes: 512,
            phase: 'install',
            epoch: 6,
            what: 'boot partition resin-boot: directory entry of /grub/grubenv',
            regions: ['boot-partition'],
          },
        ],
        tried: 7,
        replay: 'bricks/1.json',
      },
    ],
  };
}

/** The same without the brick and with nothing left. */
export function cleanCertificate(): Certificate {
  const certificate = brickedCertificate();
  const healthy = certificate.judged.map(
    (state): JudgedState =>
      state.verdict && state.verdict.outcome !== 'bricked'
        ? state
        : { ...state, verdict: { outcome: 'old', slot: 'A', tries: 1, why: 'came up', by: 'full' } },
  );
  return {
    ...certificate,
    judged: healthy,
    verdicts: { old: 62, new: 30, recovered: 28, dataLost: 0, bricked: 0 },
    left: 0,
    counterexamples: [],
  };
}
