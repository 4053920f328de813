import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SnapshotManifest, Snapshots } from '../rig/contracts/snapshot.js';
import { boardPlaces, sessionRoots } from '../rig/core/session/directory.js';
import { median } from '../rig/core/statistics/median.js';
import { echoed } from './board/answer.js';
import { type BenchBoard, openBoard } from './board/open.js';
import type { BenchRow } from './row.js';
import { forkRows } from './snapshots/fork.js';
import { suiteRows } from './snapshots/suite.js';

const restores = 5;
const megabyte = 1_000_000;
/** CPU seconds of QEMU from the restore on. The reference image for x86 is as small: its goals are those of a full image. */
const goals = {
  'virt-arm64': { console: 0.8, ssh: 1.3 },
  'virt-x86-64': { console: 1.5, ssh: 3 },
} as const;

/** A board that was saved at its shell: what it costs to save it, to bring it back, and to fork it; and what that saves a suite. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  try {
    const rows: BenchRow[] = [];
    for (const [name, goal] of Object.entries(goals)) rows.push(...(await boardRows(name, { goal, folder })));
    rows.push(...(await suiteRows(folder)));
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function boardRows(
  name: string,
  { goal, folder }: { readonly goal: { console: number; ssh: number }; readonly folder: string },
): Promise<BenchRow[]> {
  await using opened = await openBoard(name, folder);
  const { snapshots } = opened.session.capabilities;
  if (!snapshots) throw new Error(`${name} has no snapshots`);
  return await rowsOf(opened, { name, goal, snapshots, dir: join(folder, name) });
}

async function rowsOf(
  opened: BenchBoard,
  {
    name,
    goal,
    snapshots,
    dir,
  }: { name: string; goal: { console: number; ssh: number }; snapshots: Snapshots; dir: string },
): Promise<BenchRow[]> {
  const { board, session } = opened;
  const overlay = join(boardPlaces(session.board.name, sessionRoots()).work, 'medium.qcow2');
  const before = (await board.cpuSeconds()) ?? 0;
  await board.power.on();
  // Warm: the guest's ssh server has served before it is saved.
  await board.ssh.run('true', { timeoutMs: 120_000 });
  const cold = ((await board.cpuSeconds()) ?? Number.NaN) - before;
  await board.boot();

  const beganMs = performance.now();
  const saved = await snapshots.save(dir);
  const saveSeconds = (performance.now() - beganMs) / 1000;
  const rounds: Round[] = [];
  for (let round = 0; round < restores; round += 1)
    rounds.push(await restoreOnce(opened, { snapshots, dir, overlay }));
  const middle = (of: (round: Round) => number): number => median(rounds.map(of));
  const unit = "CPU s of QEMU's";
  const [toConsole, toSsh] = [middle((round) => round.console), middle((round) => round.ssh)];
  return [
    {
      what: `restore to the first command on the console, ${name}`,
      value: toConsole,
      unit,
      goal: { text: `≤ ${goal.console} CPU s`, met: toConsole <= goal.console },
    },
    {
      what: `restore to the first command over ssh, ${name}`,
      value: toSsh,
      unit,
      compared: { with: 'a cold boot to the same', value: cold },
      goal: { text: `≤ ${goal.ssh} CPU s`, met: toSsh <= goal.ssh },
    },
    {
      what: `restore until the guest goes on, ${name}`,
      value: middle((round) => round.seconds),
      unit: 's',
    },
    { what: `saving a board, ${name}`, value: saveSeconds, unit: 's' },
    {
      what: `saved memory and devices (${saved.state.compression}), ${name}`,
      value: saved.state.sizeBytes / megabyte,
      unit: 'MB',
      compared: { with: 'unpacked', value: (await unpackedBytes(dir, saved.state)) / megabyte },
    },
    {
      what: `saved medium, ${name}`,
      value: (saved.medium?.sizeBytes ?? 0) / megabyte,
      unit: 'MB',
      compared: {
        with: "what a fork's overlay begins with",
        value: middle((round) => round.overlay) / megabyte,
      },
    },
    ...(await forkRows(saved, { name, dir })),
  ];
}

interface Round {
  /** CPU seconds of QEMU since the restore began. */
  readonly console: number;
  readonly ssh: number;
  /** Wall time. */
  readonly seconds: number;
  /** Bytes that the fork's overlay took at first. */
  readonly overlay: number;
}

async function restoreOnce(
  { board, session }: BenchBoard,
  { snapshots, dir, overlay }: { snapshots: Snapshots; dir: string; overlay: string },
): Promise<Round> {
  await board.power.off();
  const before = (await board.cpuSeconds()) ?? Number.NaN;
  const since = async (): Promise<number> => ((await board.cpuSeconds()) ?? Number.NaN) - before;
  const beganMs = performance.now();
  await snapshots.restore(dir);
  const seconds = (performance.now() - beganMs) / 1000;
  const { size } = await stat(overlay);
  if (!session.console) throw new Error('the board has no console');
  await echoed(session.console);
  const onConsole = await since();
  await board.ssh.run('true', { timeoutMs: 120_000 });
  return { console: onConsole, ssh: await since(), seconds, overlay: size };
}

async function unpackedBytes(dir: string, state: SnapshotManifest['state']): Promise<number> {
  if (state.compression === 'none') return state.sizeBytes;
  const { stdout } = await promisify(execFile)('/bin/sh', [
    '-c',
    'zstd -d -c <"$0" | wc -c',
    join(dir, state.file),
  ]);
  return Number(stdout);
}
