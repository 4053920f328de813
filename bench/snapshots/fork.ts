import { copyFile, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Disk } from '../../qemu/disk.js';
import type { SnapshotManifest } from '../../rig/contracts/snapshot.js';
import { median } from '../../rig/core/statistics/median.js';
import type { BenchRow } from '../row.js';

const forks = 5;
const goalMs = 100;
const kilobyte = 1000;

/** The medium of a second board while the first lives: an overlay, beside a copy of what the image holds. */
export async function forkRows(
  { medium }: SnapshotManifest,
  { name, dir }: { name: string; dir: string },
): Promise<BenchRow[]> {
  if (!medium) return [];
  const all: { overlayMs: number; copyMs: number; bytes: number }[] = [];
  for (let fork = 0; fork < forks; fork += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-fork-'));
    try {
      const { image, mediumBytes } = medium;
      const disk = new Disk(folder);
      const overlayMs = await took(() => disk.fork(join(dir, medium.file), { image, mediumBytes }));
      const bytes = await ownBytes(folder);
      all.push({
        overlayMs,
        bytes,
        copyMs: await took(() => copyFile(image.path, join(folder, 'copy.img'))),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  const overlayMs = median(all.map((one) => one.overlayMs));
  const imageBytes = (await stat(medium.image.path)).blocks * 512;
  return [
    {
      what: `the medium of a further fork, ${name}`,
      value: overlayMs,
      unit: 'ms',
      compared: { with: 'a copy of the image', value: median(all.map((one) => one.copyMs)) },
      goal: { text: `≤ ${goalMs} ms`, met: overlayMs <= goalMs },
    },
    {
      what: `the same, on the disk, ${name}`,
      value: median(all.map((one) => one.bytes)) / kilobyte,
      unit: 'kB',
      compared: { with: 'the image', value: imageBytes / kilobyte },
    },
  ];
}

async function took(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}

/** What a folder takes beyond names that it shares with others. */
async function ownBytes(folder: string): Promise<number> {
  const files = await Promise.all((await readdir(folder)).map((file) => stat(join(folder, file))));
  return files.filter(({ nlink }) => nlink === 1).reduce((sum, { blocks }) => sum + blocks * 512, 0);
}
