import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SessionConsole } from '../rig/contracts/session.js';
import type { Shell } from '../rig/contracts/suite.js';
import { median } from '../rig/core/statistics/median.js';
import { echoed } from './board/answer.js';
import { labgridRoundTripMs } from './board/labgrid.js';
import { type BenchBoard, openBoard } from './board/open.js';
import type { BenchRow } from './row.js';

const boots = 3;
const roundTrips = 30;
const goalRatio = 1.5;
/** CPU seconds of QEMU from power-on until ssh answers. */
const goalCpuSeconds = { 'virt-arm64': 6, 'virt-x86-64': 20 } as const;

/** Cold boots of the reference image, and round trips to a running guest, beside bare ones on the same console. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  try {
    const rows: BenchRow[] = [];
    for (const [name, goal] of Object.entries(goalCpuSeconds))
      rows.push(...(await rowsOf(name, { goal, folder })));
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function rowsOf(
  name: string,
  { goal, folder }: { readonly goal: number; readonly folder: string },
): Promise<BenchRow[]> {
  await using opened = await openBoard(name, folder);
  const cpuSeconds: number[] = [];
  for (let boot = 0; boot < boots; boot += 1) cpuSeconds.push(await cpuSecondsToSsh(opened));
  const value = median(cpuSeconds);
  const coldBoot: BenchRow = {
    what: `cold boot to an answer over ssh, ${name}`,
    value,
    unit: "CPU s of QEMU's",
    goal: { text: `≤ ${goal} CPU s`, met: value <= goal },
  };
  return name === 'virt-arm64' ? [coldBoot, ...(await roundTripRows(opened))] : [coldBoot];
}

/** Each boot is of a new QEMU process or of none: what it had used before is taken off. */
async function cpuSecondsToSsh({ board }: BenchBoard): Promise<number> {
  await board.power.off();
  const before = (await board.cpuSeconds()) ?? 0;
  await board.power.on();
  await board.ssh.run('true', { timeoutMs: 120_000 });
  return ((await board.cpuSeconds()) ?? Number.NaN) - before;
}

async function roundTripRows({ board, session }: BenchBoard): Promise<BenchRow[]> {
  const line = session.console;
  if (!line) throw new Error('the board has no console');
  await board.boot();
  // In turns, so that the host's other load falls on all alike.
  const raw: number[] = [];
  const onConsole: number[] = [];
  const overSsh: number[] = [];
  for (let round = 0; round < roundTrips; round += 1) {
    raw.push(await bareRoundTripMs(line));
    onConsole.push(await shellRoundTripMs(board.consoleShell));
    overSsh.push(await shellRoundTripMs(board.ssh));
  }
  const rawMs = median(raw);
  const ratio = median(onConsole) / rawMs;
  const bare = { with: 'a bare write and read', value: rawMs };
  const labgridMs = await labgridRoundTripMs(line, roundTrips);
  return [
    {
      what: 'round trip of a command on the console of a guest, virt-arm64',
      value: median(onConsole),
      unit: 'ms',
      compared: bare,
      goal: { text: `ratio ≤ ${goalRatio}`, met: ratio <= goalRatio },
    },
    {
      what: "the same by labgrid's ShellDriver",
      value: labgridMs,
      unit: 'ms',
      compared: bare,
    },
    {
      what: 'the same over ssh',
      value: median(overSsh),
      unit: 'ms',
      compared: bare,
    },
  ];
}

async function shellRoundTripMs(shell: Shell): Promise<number> {
  const word = randomBytes(6).toString('hex');
  const began = performance.now();
  const { stdout } = await shell.run(`echo ${word}`);
  const ms = performance.now() - began;
  if (stdout.trim() !== word)
    throw new Error(`the guest answered ${JSON.stringify(stdout)} instead of ${word}`);
  return ms;
}

async function bareRoundTripMs(line: SessionConsole): Promise<number> {
  const began = performance.now();
  await echoed(line, { prompt: true });
  return performance.now() - began;
}
