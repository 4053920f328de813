import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import { median } from '../rig/core/statistics/median.js';
import { mebibyte, pack, sparseImage } from './flash/images.js';
import type { BenchRow } from './row.js';

const rounds = 3;
const image = { size: 1024, mapped: 200 } as const;
const large = { size: 16 * 1024, mapped: 300 } as const;
/** The same bytes as `large` maps, with nothing between them. */
const dense = { size: 300, mapped: 300 } as const;
const goals = { dd: 3, memoryMiB: 64 } as const;

interface Cost {
  readonly wall: number;
  readonly cpu: number;
  readonly peakMiB: number;
}

interface Medium {
  readonly name: string;
  readonly path: string;
}

/**
 * An image written and read back by `rig flash`, beside what people use: bmaptool and a read-back of its ranges, `dd` with `cmp`, streams of Node.
 * On a file, and on a loop device where this machine lets us make one.
 */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  const ends: (() => void)[] = [];
  try {
    const raw = sparseImage(join(folder, 'image.img'), image);
    const images = { raw, gz: pack(raw, 'gzip'), zst: pack(raw, 'zstd') };
    const rows: BenchRow[] = [];
    for (const medium of await media(folder, { bytes: (image.size + 1) * mebibyte, ends }))
      for (const [packing, path] of Object.entries(images))
        rows.push(...(await compare(path, { packing, medium, bmap: `${raw}.bmap` })));
    for (const path of Object.values(images)) await rm(path);
    return [...rows, ...(await sparseRows(folder, ends))];
  } finally {
    for (const end of ends) end();
    await rm(folder, { recursive: true });
  }
}

/** A file of its own and a loop device on another, both sparse. */
async function media(
  folder: string,
  { bytes, ends }: { bytes: number; ends: (() => void)[] },
): Promise<Medium[]> {
  const made: Medium[] = [];
  for (const name of ['file', 'loop device']) {
    const path = join(folder, `medium-${bytes}-${name.slice(0, 4)}`);
    await writeFile(path, '');
    await truncate(path, bytes);
    if (name === 'file') made.push({ name, path });
    else if (process.getuid?.() === 0) {
      const device = execFileSync('losetup', ['--find', '--show', '--direct-io=on', path], {
        encoding: 'utf8',
      }).trim();
      ends.push(() => void execFileSync('losetup', ['-d', device]));
      made.push({ name, path: device });
    } else process.stderr.write('bench: no loop device without root: measured on a file alone\n');
  }
  return made;
}

async function compare(
  path: string,
  { packing, medium, bmap }: { packing: string; medium: Medium; bmap: string },
): Promise<BenchRow[]> {
  const unpack = { raw: 'cat', gz: 'gzip -dc', zst: 'zstd -dcq' }[packing] ?? 'cat';
  const tool = (name: string): string => join(packageRoot, 'bench', 'flash', name);
  const commands = {
    rig: rigFlash(path, medium, bmap),
    'bmaptool copy, and its ranges read back': shell(
      `bmaptool -q copy --bmap "$1" "$2" "$3" && python3 ${tool('read-back.py')} "$1" "$3"`,
      [bmap, path, medium.path],
    ),
    'dd conv=fsync, and cmp': shell(
      packing === 'raw'
        ? 'dd if="$1" of="$2" bs=4M conv=fsync,notrunc && cmp -n $(stat -c %s "$1") "$1" "$2"'
        : `set -o pipefail; ${unpack} "$1" | dd of="$2" bs=4M iflag=fullblock conv=fsync,notrunc && ${unpack} "$1" | cmp -n ${image.size * mebibyte} - "$2"`,
      [path, medium.path],
    ),
    'plain Node streams': [process.execPath, tool('plain-node.mjs'), path, medium.path],
  };
  const costs = await measureAll(commands, medium);
  const { rig, ...others } = costs;
  const what = `flash ${image.size} MiB, ${image.mapped} mapped, ${packing}, to a ${medium.name}: written and read back`;
  return [
    ...Object.entries(others).flatMap(([name, cost], index): BenchRow[] => {
      const factor = name.startsWith('dd') ? goals.dd : 1;
      const goal = name.startsWith('plain')
        ? {}
        : { goal: { text: factor === 1 ? 'no more' : `≤ 1/${factor}`, met: rig.wall * factor <= cost.wall } };
      return [
        {
          what: index === 0 ? what : 'the same',
          value: rig.wall,
          unit: 's',
          compared: { with: name, value: cost.wall },
          ...goal,
        },
        { what: 'the same', value: rig.cpu, unit: 'CPU s', compared: { with: name, value: cost.cpu } },
      ];
    }),
    await memoryRow(rig),
  ];
}

/** All processes of a flash together are less than twice the largest; that one is told. */
async function memoryRow({ peakMiB }: Cost): Promise<BenchRow> {
  const idle = (await measure([process.execPath, '-e', '0'])).peakMiB;
  return {
    what: 'the same, peak memory above an idle Node',
    value: peakMiB - idle,
    unit: 'MiB',
    goal: { text: `≤ ${goals.memoryMiB} MiB`, met: peakMiB - idle <= goals.memoryMiB },
  };
}

async function sparseRows(folder: string, ends: (() => void)[]): Promise<BenchRow[]> {
  const [wide, full] = [
    sparseImage(join(folder, 'wide.img'), large),
    sparseImage(join(folder, 'full.img'), dense),
  ];
  const rows: BenchRow[] = [];
  for (const medium of await media(folder, { bytes: (large.size + 1) * mebibyte, ends })) {
    const costs = await measureAll({ wide: rigFlash(wide, medium), full: rigFlash(full, medium) }, medium);
    const with_ = `an image of ${dense.size} MiB that is all data`;
    const what = `flash ${large.size / 1024} GiB with holes and ${large.mapped} MiB of data, no block map, to a ${medium.name}`;
    rows.push(
      { what, value: costs.wide.wall, unit: 's', compared: { with: with_, value: costs.full.wall } },
      {
        what: 'the same',
        value: costs.wide.cpu,
        unit: 'CPU s',
        compared: { with: with_, value: costs.full.cpu },
      },
    );
  }
  return rows;
}

function rigFlash(path: string, medium: Medium, bmap?: string): string[] {
  const map = bmap === undefined ? ['--no-bmap'] : ['--bmap', bmap];
  return [
    ...[process.execPath, join(packageRoot, 'dist/rig/cli/main.js')],
    ...['flash', path, '--drive', medium.path, '--yes', '--json', ...map],
  ];
}

function shell(script: string, args: readonly string[]): string[] {
  return ['bash', '-c', script, 'bash', ...args];
}

/** Medians of rounds in which each has its turn, so that a slow moment of the machine hits all. */
async function measureAll<K extends string>(
  commands: Readonly<Record<K, readonly string[]>>,
  medium: Medium,
): Promise<Record<K, Cost>> {
  const names = Object.keys(commands) as K[];
  const costs = new Map<K, Cost[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) {
      // bmaptool cuts a file that it writes to: the next one shall find a medium of the old size.
      execFileSync('sync', [medium.path]);
      costs.get(name)?.push(await measure(commands[name]));
    }
  const of = (name: K, key: keyof Cost): number => median((costs.get(name) ?? []).map((cost) => cost[key]));
  return Object.fromEntries(
    names.map((name) => [
      name,
      { wall: of(name, 'wall'), cpu: of(name, 'cpu'), peakMiB: of(name, 'peakMiB') },
    ]),
  ) as Record<K, Cost>;
}

async function measure(command: readonly string[]): Promise<Cost> {
  const script = join(packageRoot, 'bench', 'flash', 'measure.py');
  const { stdout } = await promisify(execFile)('python3', [script, ...command]);
  return JSON.parse(stdout) as Cost;
}
