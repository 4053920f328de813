import { basename, join } from 'node:path';
import { visibleLine } from '../../../reports/visible.js';
import { findBoard } from '../../config/find-boards.js';
import { cacheDir } from '../../config/folders.js';
import type { BoardConfig, Image } from '../../contracts/board.js';
import type { SnapshotKey } from '../../contracts/snapshot.js';
import { exitCodes } from '../../contracts/verdict.js';
import { mediumBytesFor } from '../../core/board/medium-size.js';
import type { CacheEntry, Explanation, SnapshotCache, WarmState } from '../../core/warm/snapshot-cache.js';
import { diskBytes } from '../../record/disk-bytes.js';
import { parseDurationMs, parseSizeBytes, sizeWords } from '../../schema/units.js';
import { ago, entryWords, stateWords } from '../cache-words.js';
import type { CommandInput, CommandIo } from '../command.js';
import { resolveImage } from '../image-ref.js';
import { openLab } from '../open-lab.js';
import { OptionReader } from '../read-options.js';
import { snapshotCache } from '../snapshot-cache.js';
import { table } from '../table.js';

const read = new OptionReader('rig cache prune');

/** Near misses that are told; what lies further off explains nothing. */
const maxMisses = 2;
const states: readonly WarmState[] = ['shell', 'bootloader'];

/** Folders of the cache that builders fill and empty by themselves. */
const built = ['images', 'bundles'] as const;

/** `rig cache list`: the saved boards, what they take, and what was built. */
export async function list({ options }: CommandInput, io: CommandIo): Promise<number> {
  const cache = snapshotCache(io.env);
  const entries = await cache.list();
  const builds = await Promise.all(
    built.map(async (what) => {
      const dir = join(cacheDir(io.env), what);
      return { what, dir, totalBytes: await diskBytes(dir) };
    }),
  );
  if (options.json === true) {
    const { dir, maxBytes } = cache;
    const facts = { dir, maxBytes, totalBytes: total(entries), entries: entries.map(entryFacts) };
    const ofBuilds = Object.fromEntries(builds.map(({ what, ...rest }) => [what, rest]));
    io.out(`${JSON.stringify({ ...facts, ...ofBuilds }, null, 2)}\n`);
    return exitCodes.passed;
  }
  if (entries.length > 0) {
    const head = ['BOARD TYPE', 'IMAGE', 'STATE', 'SIZE', 'SAVED', 'LAST USED'];
    io.out(`${table([head, ...entries.map(row)])}\n`);
  }
  const limit = cache.maxBytes === 0 ? 'none are kept (limit 0)' : `of at most ${sizeWords(cache.maxBytes)}`;
  io.out(`${boardsWord(entries.length)}, ${sizeWords(total(entries))} ${limit}, in ${cache.dir}\n`);
  for (const { what, totalBytes, dir } of builds) io.out(`${what}: ${sizeWords(totalBytes)} in ${dir}\n`);
  return exitCodes.passed;
}

/** `rig cache prune`: to the limit, unless more is asked for. */
export async function prune({ options }: CommandInput, io: CommandIo): Promise<number> {
  const cache = snapshotCache(io.env);
  const gone = await cache.prune(pruneOptions(cache, options));
  const left = await cache.list();
  if (options.json === true) {
    const facts = { removed: gone.map(entryFacts), freedBytes: total(gone), leftBytes: total(left) };
    io.out(`${JSON.stringify({ ...facts, left: left.length }, null, 2)}\n`);
    return exitCodes.passed;
  }
  const freed =
    gone.length === 0 ? 'nothing to remove' : `removed ${boardsWord(gone.length)}, ${sizeWords(total(gone))}`;
  io.out(`${freed}; ${boardsWord(left.length)} left, ${sizeWords(total(left))}\n`);
  return exitCodes.passed;
}

/** `rig cache explain BOARD`: whether a run would start it warm, and why not. */
export async function explain(input: CommandInput, io: CommandIo): Promise<number> {
  const { options, args } = input;
  const lab = await openLab(input, io);
  const board = findBoard(lab, String(args[0]));
  const cache = snapshotCache(io.env);
  const image = await imageOf(board, { ref: options.image as string | undefined, io });
  const key = image && (await keyOf(board, { image, signal: io.signal }));
  const never = neverWarm({ board, cache, image });
  const starts: Start[] = [];
  if (image && key && never === undefined) {
    const imageName = nameOf(image);
    for (const state of states)
      starts.push({ state, ...(await cache.compare(key, { state, twin: 1, imageName })) });
  }
  if (options.json === true) {
    const facts = {
      board: board.name,
      ...(image ? { image: imageFacts(image) } : {}),
      ...(key ? { key } : {}),
    };
    const reason = never === undefined ? {} : { never };
    io.out(`${JSON.stringify({ ...facts, ...reason, states: starts.map(startFacts) }, null, 2)}\n`);
  } else {
    io.out(
      `${board.name}${image ? ` with image ${visibleLine(nameOf(image))} (${image.sha256.slice(0, 12)})` : ''}\n`,
    );
    if (never !== undefined) io.out(`  always cold: ${never}\n`);
    for (const start of starts) io.out(startLines(start));
  }
  return exitCodes.passed;
}

interface Start extends Explanation {
  readonly state: WarmState;
}

function startLines({ state, hit, misses }: Start): string {
  if (hit?.saved)
    return `  ${state}: warm, from a board saved ${ago(new Date(hit.saved.at))} (${sizeWords(hit.sizeBytes)})\n`;
  const lines = [`  ${state}: cold, and saved by the next run that needs it`];
  if (hit) lines.push('    what was saved is damaged: its manifest cannot be read');
  else if (misses.length === 0) lines.push('    no board of this type was saved in this state');
  for (const { entry, reasons } of misses.slice(0, maxMisses)) {
    lines.push(`    not from the board saved ${ago(new Date(entry.saved?.at ?? 0))}:`);
    for (const reason of reasons) lines.push(`      ${visibleLine(reason)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function startFacts({ state, hit, misses }: Start): object {
  return {
    state,
    start: hit?.saved ? 'warm' : 'cold',
    ...(hit ? { entry: entryFacts(hit) } : {}),
    misses: misses.map(({ entry, reasons }) => ({ entry: entryFacts(entry), reasons })),
  };
}

/** Why no run ever starts the board warm. */
function neverWarm({
  board,
  cache,
  image,
}: {
  board: BoardConfig;
  cache: SnapshotCache;
  image: Image | undefined;
}): string | undefined {
  if (!board.type.machine) return 'it is no virtual board, and only those can be saved';
  if (!image) return 'it boots a given kernel, without an image';
  return cache.maxBytes === 0 ? 'the limit of the cache is 0' : undefined;
}

async function imageOf(
  board: BoardConfig,
  { ref, io }: { ref: string | undefined; io: CommandIo },
): Promise<Image | undefined> {
  if (!board.type.machine) return undefined;
  const progress = (line: string): void => io.err(`${line}\n`);
  const image = await resolveImage(board, { ref, cwd: io.cwd, env: io.env, signal: io.signal, progress });
  return typeof image === 'object' ? image : undefined;
}

async function keyOf(
  { type }: BoardConfig,
  { image, signal }: { image: Image; signal: AbortSignal },
): Promise<SnapshotKey | undefined> {
  const { boardKey } = await import('../../../qemu/board-key.js');
  return boardKey(type, { image, mediumBytes: mediumBytesFor(type, image), signal });
}

function nameOf(image: Image): string {
  return basename(image.path).replace(/\.[a-z]+$/, '');
}

function imageFacts({ path, sha256, version, variant }: Image): object {
  return {
    path,
    sha256,
    ...(version === undefined ? {} : { version }),
    ...(variant === undefined ? {} : { variant }),
  };
}

function row(entry: CacheEntry): string[] {
  const { boardType, image } = entryWords(entry);
  const saved = entry.saved ? ago(new Date(entry.saved.at)) : '?';
  return [boardType, image, stateWords(entry), sizeWords(entry.sizeBytes), saved, ago(entry.usedAt)];
}

function entryFacts({ id, dir, state, twin, sizeBytes, usedAt, saved }: CacheEntry): object {
  const facts = saved ? { savedAt: saved.at, imageName: saved.imageName, key: saved.key } : { damaged: true };
  return { id, dir, state, twin, sizeBytes, usedAt: usedAt.toISOString(), ...facts };
}

function total(entries: readonly CacheEntry[]): number {
  return entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function boardsWord(count: number): string {
  return `${count} saved ${count === 1 ? 'board' : 'boards'}`;
}

function pruneOptions(
  cache: SnapshotCache,
  options: CommandInput['options'],
): { maxBytes: number; unusedForMs?: number } {
  const { all, olderThan, maxSize } = options;
  const unusedForMs =
    olderThan === undefined ? undefined : parseDurationMs(String(olderThan), { belowMs: Infinity });
  if (olderThan !== undefined && unusedForMs === undefined)
    throw read.bad(`--older-than takes a time such as 7d, 12h or 30m, not ${JSON.stringify(olderThan)}`);
  const asked = maxSize === undefined ? undefined : maxSize === '0' ? 0 : parseSizeBytes(String(maxSize));
  if (maxSize !== undefined && asked === undefined)
    throw read.bad(`--max-size takes a size such as 2GiB or 500M, not ${JSON.stringify(maxSize)}`);
  const maxBytes = all === true ? 0 : Math.min(asked ?? cache.maxBytes, cache.maxBytes);
  return { maxBytes, ...(unusedForMs === undefined ? {} : { unusedForMs }) };
}
