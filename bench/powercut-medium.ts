import { copyFile, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveView } from '../qemu/write-log/block-server.js';
import { readWriteLog } from '../qemu/write-log/parse.js';
import { ViewFiles } from '../qemu/write-log/view.js';
import type { CrashState, WriteLog } from '../rig/contracts/powercut.js';
import { enumerate } from '../rig/core/powercut/enumerate.js';
import { Layers } from '../rig/core/powercut/layers.js';
import { median } from '../rig/core/statistics/median.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import type { BenchRow } from './row.js';

const mebibyte = 1024 * 1024;
const mediumMiB = 256;
/** As a tiny image's installation writes: a slot in requests of a mebibyte, and small writes with flushes around it. */
const slotMiB = 48;
const rounds = 3;
const goalMs = 50;
const reads = { count: 4000, kibibytes: 64 } as const;

/** What a crash state costs before it boots, beside a copy of the medium with the log replayed on it; and how fast it is read. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  try {
    const { base, log } = await record(folder);
    const sizeBytes = mediumMiB * mebibyte;
    await using files = await ViewFiles.open({ base, logs: log.files, sizeBytes });
    const layers = new Layers(log.entries);
    const { states } = enumerate(log.entries, { model: 'write-back', seed: 1, isRelevant: () => false });
    const socketPath = join(folder, 'nbd');
    const generate = async (state: CrashState): Promise<void> => {
      await using _view = await serveView(files, { extents: layers.extentsOf(state), socketPath });
    };
    const view = async (state: CrashState): Promise<string> => {
      await using _view = await serveView(files, { extents: layers.extentsOf(state), socketPath });
      return await readBench(`nbd+unix:///?socket=${socketPath}`);
    };
    const chosen = states.filter((_, index) => index % Math.ceil(states.length / 100) === 0);
    const naive = states.filter((_, index) => index % Math.ceil(states.length / 8) === 0);
    const generateMs = await eachMs(chosen, generate);
    const copyMs = await eachMs(naive, (state) => copyAndReplay({ base, log, folder, sizeBytes }, state));
    const last = states.at(-1);
    const [served, plain]: number[][] = [[], []];
    for (let round = 0; last && round < rounds; round += 1) {
      served?.push(Number(await view(last)));
      plain?.push(Number(await readBench(base)));
    }
    const rate = (seconds: number): number => (reads.count * reads.kibibytes) / 1024 / seconds;
    return [
      {
        what: `a crash state of a log of ${slotMiB} MiB on a medium of ${mediumMiB} MiB, ready to boot`,
        value: generateMs,
        unit: 'ms',
        compared: { with: 'a copy of the medium, and the log replayed on it', value: copyMs },
        goal: { text: `≤ ${goalMs} ms`, met: generateMs <= goalMs },
      },
      {
        what: `it read by QEMU, ${reads.count} times ${reads.kibibytes} KiB`,
        value: rate(median(served ?? [])),
        unit: 'MiB/s',
        compared: { with: 'a raw file', value: rate(median(plain ?? [])) },
      },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** qemu-io writes through the log driver of a recorded board. */
async function record(folder: string): Promise<{ base: string; log: WriteLog }> {
  const [base, overlay, path] = ['base.raw', 'overlay.qcow2', 'writes.log'].map((name) => join(folder, name));
  if (!base || !overlay || !path) throw new Error('three names');
  await writeFile(base, Buffer.alloc(64 * mebibyte, 1));
  await truncate(base, mediumMiB * mebibyte);
  await runProgram('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, overlay]);
  await writeFile(path, '');
  const commands = [
    ...Array.from({ length: 10 }, (_, index) => [`write -P 3 ${1024 + 16 * index}k 16k`, 'flush']).flat(),
    ...Array.from({ length: slotMiB }, (_, index) => `write -P 2 ${128 + index}M 1M`),
    ...Array.from({ length: 10 }, (_, index) => ['flush', `write -P 4 ${1024 + 16 * index}k 16k`]).flat(),
  ];
  const node = `driver=blklogwrites,log.driver=file,log.filename=${path},log-sector-size=512`;
  await runProgram('qemu-io', [
    ...['--image-opts', `${node},file.driver=qcow2,file.file.driver=file,file.file.filename=${overlay}`],
    ...commands.flatMap((command) => ['-c', command]),
  ]);
  return { base, log: await readWriteLog({ files: [path], marks: [] }) };
}

async function eachMs(
  states: readonly CrashState[],
  act: (state: CrashState) => Promise<void>,
): Promise<number> {
  const times: number[] = [];
  for (const state of states) {
    const began = performance.now();
    await act(state);
    times.push(performance.now() - began);
  }
  return median(times);
}

/** What everybody does first. */
async function copyAndReplay(
  parts: { base: string; log: WriteLog; folder: string; sizeBytes: number },
  { durable, kept }: CrashState,
): Promise<void> {
  const { base, log, folder } = parts;
  const target = join(folder, 'copy.raw');
  await copyFile(base, target);
  await using disk = await open(target, 'r+');
  await using source = await open(log.files[0] ?? '', 'r');
  for (const { number, kind, sector, sectors, offset } of log.entries) {
    if (kind !== 'write' || (number >= durable && !kept.includes(number))) continue;
    const bytes = Buffer.alloc(sectors * 512);
    await source.read(bytes, 0, bytes.length, offset);
    await disk.write(bytes, 0, bytes.length, sector * 512);
  }
}

/** @returns seconds, as `qemu-img bench` tells them */
async function readBench(image: string): Promise<string> {
  const { stdout } = await runProgram('qemu-img', [
    ...['bench', '-f', 'raw', '-c', String(reads.count), '-s', `${reads.kibibytes}k`, '-d', '4', image],
  ]);
  const seconds = /Run completed in ([\d.]+) seconds/.exec(stdout)?.[1];
  if (seconds === undefined) throw new Error(`qemu-img bench said ${stdout}`);
  return seconds;
}
