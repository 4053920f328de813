import type { BoardConfig, MachineSpec } from '../../rig/contracts/board.js';
import type { Matrix, MatrixRow } from '../../rig/contracts/matrix.js';
import type { NightJob, NightPlan } from '../../rig/contracts/night.js';
import { boardConfig } from '../fakes/scripted-board.js';

export function matrixOf(rows: readonly Partial<MatrixRow>[], more: Partial<Matrix> = {}): Matrix {
  return {
    rows: rows.map((row) => ({
      boards: ['a', 'b'],
      images: [{ name: 'default' }],
      suites: ['boot', 'networking'].map((name) => ({ name, ref: name })),
      tier: 'smoke',
      priority: 0,
      ...row,
    })),
    exclude: [],
    retries: 1,
    host: { heavy: [] },
    quarantine: [],
    ...more,
  };
}

export function virtual(name: string, machine: Partial<MachineSpec> = {}): BoardConfig {
  const board = boardConfig(name);
  const whole = {
    model: 'virt',
    cpu: 'max',
    cpus: 1,
    memoryMiB: 256,
    boot: { kind: 'kernel', kernel: 'k' },
    forward: [],
  } as const;
  return { ...board, type: { ...board.type, machine: { ...whole, ...machine } } };
}

export function jobOf(more: Partial<NightJob> = {}): NightJob {
  return {
    id: 'a.default',
    board: 'a',
    boardType: 'scripted',
    virtual: true,
    others: [],
    image: 'default',
    suites: ['boot'],
    tier: 'smoke',
    priority: 0,
    cost: { cpus: 1, memoryMiB: 512, heavy: false },
    tests: [
      { suite: 'boot', name: 'one' },
      { suite: 'boot', name: 'two' },
    ],
    ...more,
  };
}

export function planOf(jobs: readonly NightJob[], more: Partial<NightPlan> = {}): NightPlan {
  return {
    v: 1,
    night: 'night-20260310T010000Z-abcdef',
    startedAt: '2026-03-10T01:00:00.000Z',
    argv: ['nightly'],
    seed: 1,
    retries: 1,
    host: { name: 'lab', cpus: 2, memoryMiB: 4096, heavy: [] },
    jobs,
    quarantine: [],
    ...more,
  };
}
