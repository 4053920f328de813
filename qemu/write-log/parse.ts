import { existsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { type LogEntry, type LogFiles, sectorBytes, type WriteLog } from '../../rig/contracts/powercut.js';
import { readMachineStops, traceOf, withoutOwnFlushes } from './own-flushes.js';

/**
 * The format of dm-log-writes as QEMU's blklogwrites writes it (drivers/md/dm-log-writes.c, block/blklogwrites.c): a superblock in the
 * first sector, then entries, each a sector of its own with the bytes of a write behind it. All numbers are little endian.
 */
const magic = 0x6a736677736872n;
const version = 1n;
const superblock = { version: 8, entries: 16, sectorBytes: 24 } as const;
const entryField = { sector: 0, sectors: 8, flags: 16, dataBytes: 24 } as const;
const entryBytes = 32;
const flag = { flush: 1n, fua: 2n, discard: 4n, mark: 8n, metadata: 16n } as const;
const knownFlags = 31n;

/** Headers lie close together where writes are small: one read fetches many. */
const windowBytes = 64 * 1024;
/** Each takes some hundred bytes of memory; an installation of a full system has a thousand. */
const maxEntries = 2_000_000;

export interface ReadLogOptions extends Cancellable {
  /** Writes past the end of the medium are no log of it. */
  readonly mediumBytes?: number;
}

/**
 * Reads the headers alone, never the bytes of the writes.
 *
 * @throws RigError `powercut.bad-log`
 */
export async function readWriteLog(
  { files, marks }: LogFiles,
  options: ReadLogOptions = {},
): Promise<WriteLog> {
  const entries: LogEntry[] = [];
  const phases = marks.map(({ name }) => ({ name, from: Number.POSITIVE_INFINITY }));
  let cutShort = false;
  for (const [file, path] of files.entries()) {
    const found = await readFile(path, { ...options, file, first: entries.length });
    for (const [index, mark] of marks.entries()) {
      const phase = phases[index];
      if (mark.file !== file || !phase) continue;
      // The header of an entry is one sector before its bytes.
      const at = found.starts.findIndex((start) => start >= mark.bytes);
      phase.from = entries.length + (at < 0 ? found.entries.length : at);
    }
    for (const entry of await guestEntries(path, found.entries)) entries.push(entry);
    cutShort ||= found.cutShort;
  }
  // A phase that began when no file was there yet begins with what comes next.
  for (const phase of phases) phase.from = Math.min(phase.from, entries.length);
  return { files, entries, phases, cutShort };
}

async function guestEntries(path: string, entries: readonly LogEntry[]): Promise<readonly LogEntry[]> {
  const trace = traceOf(path);
  const sectors = entries.reduce((sum, entry) => sum + (entry.kind === 'write' ? entry.sectors : 0), 0);
  const stops = existsSync(trace) ? await readMachineStops(trace, { sectors }) : undefined;
  return withoutOwnFlushes(entries, stops);
}

interface FoundEntries {
  readonly entries: LogEntry[];
  /** Where the headers are. */
  readonly starts: number[];
  readonly cutShort: boolean;
}

interface FileOptions extends ReadLogOptions {
  readonly file: number;
  /** Number of its first entry. */
  readonly first: number;
}

async function readFile(path: string, options: FileOptions): Promise<FoundEntries> {
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  const entries: LogEntry[] = [];
  const starts: number[] = [];
  if (size === 0) return { entries, starts, cutShort: false };
  const window = new Window(handle, size);
  const counted = await readSuperblock(window, path);
  let position = counted.step;
  while (position < size) {
    options.signal?.throwIfAborted();
    const where: EntryPlace = { ...options, path, position, step: counted.step, index: entries.length };
    const raw = await window.read(position, entryBytes);
    const found = raw && readEntry(raw, where);
    // The superblock counts what was there at the last flush. Behind that, a log may end anywhere.
    const isWhole = found !== undefined && found.end <= size;
    if (!isWhole && entries.length < counted.entries) throw endsEarly(path, entries.length, counted.entries);
    if (!isWhole) return { entries, starts, cutShort: true };
    if (entries.length >= maxEntries) throw badLog(path, `it has more than ${maxEntries} entries`);
    entries.push(found.entry);
    starts.push(position);
    position = found.end;
  }
  if (entries.length < counted.entries) throw endsEarly(path, entries.length, counted.entries);
  return { entries, starts, cutShort: false };
}

/** Bytes of the file, fetched in pieces. */
class Window {
  readonly #handle: FileHandle;
  readonly #size: number;
  #start = 0;
  #bytes = Buffer.alloc(0);

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#size = size;
  }

  /** @returns undefined past the end */
  async read(position: number, length: number): Promise<Buffer | undefined> {
    if (position + length > this.#size) return undefined;
    const within = position - this.#start;
    if (within < 0 || within + length > this.#bytes.length) {
      const buffer = Buffer.alloc(Math.min(windowBytes, this.#size - position));
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, position);
      this.#bytes = buffer.subarray(0, bytesRead);
      this.#start = position;
    }
    const from = position - this.#start;
    return from + length > this.#bytes.length ? undefined : this.#bytes.subarray(from, from + length);
  }
}

/** @returns how many entries it counts, and the bytes of a log sector; both as QEMU starts with where no flush has come yet */
async function readSuperblock(
  window: Window,
  path: string,
): Promise<{ readonly entries: number; readonly step: number }> {
  const block = await window.read(0, sectorBytes);
  if (!block) throw badLog(path, 'it is shorter than a superblock');
  if (block.every((byte) => byte === 0)) return { entries: 0, step: sectorBytes };
  if (block.readBigUInt64LE(0) !== magic) throw badLog(path, 'it does not begin as one');
  const found = block.readBigUInt64LE(superblock.version);
  if (found !== version) throw badLog(path, `its version is ${found}, known is ${version}`);
  const step = block.readUInt32LE(superblock.sectorBytes);
  if (step !== sectorBytes) throw badLog(path, `its sectors have ${step} bytes, known is ${sectorBytes}`);
  const entries = block.readBigUInt64LE(superblock.entries);
  if (entries > BigInt(maxEntries)) throw badLog(path, `it counts ${entries} entries`);
  return { entries: Number(entries), step };
}

interface EntryPlace extends FileOptions {
  readonly path: string;
  readonly position: number;
  readonly step: number;
  /** Within the file. */
  readonly index: number;
}

/** @returns undefined for a hole: QEMU takes the place of an entry before it writes it */
function readEntry(
  raw: Buffer,
  place: EntryPlace,
): { readonly entry: LogEntry; readonly end: number } | undefined {
  if (raw.every((byte) => byte === 0)) return undefined;
  const { path, index, mediumBytes, step, position } = place;
  const flags = raw.readBigUInt64LE(entryField.flags);
  const [sector, sectors] = [raw.readBigUInt64LE(entryField.sector), raw.readBigUInt64LE(entryField.sectors)];
  const inlineBytes = raw.readBigUInt64LE(entryField.dataBytes);
  const bad = (why: string): RigError => badLog(path, `its entry ${index} at byte ${position} ${why}`);
  if ((flags & ~knownFlags) !== 0n) throw bad(`has unknown flags 0x${flags.toString(16)}`);
  // A medium of 4 EiB: past that, sums of numbers are no longer exact.
  if (sector + sectors > 2n ** 53n) throw bad('lies past every medium');
  const end = Number(sector + sectors) * sectorBytes;
  if (mediumBytes !== undefined && end > mediumBytes)
    throw bad(`ends at byte ${end} of a medium of ${mediumBytes}`);
  if (inlineBytes > BigInt(step - entryBytes)) throw bad(`has ${inlineBytes} bytes in its header`);
  const kind =
    (flags & flag.mark) !== 0n
      ? 'mark'
      : (flags & flag.discard) !== 0n
        ? 'discard'
        : sectors > 0n
          ? 'write'
          : 'flush';
  if (kind === 'flush' && (flags & flag.flush) === 0n) throw bad('writes nothing and is no flush');
  const offset = position + step;
  return {
    entry: {
      number: place.first + index,
      kind,
      sector: kind === 'mark' || kind === 'flush' ? 0 : Number(sector),
      sectors: kind === 'mark' ? 0 : Number(sectors),
      flush: (flags & flag.flush) !== 0n,
      fua: (flags & flag.fua) !== 0n,
      file: place.file,
      offset,
    },
    end: kind === 'write' ? offset + Number(sectors) * step : offset,
  };
}

function endsEarly(path: string, found: number, counted: number): RigError {
  return badLog(path, `it counts ${counted} entries and ends within entry ${found}`);
}

function badLog(path: string, why: string): RigError {
  return new RigError(`${basename(path)} is no sound log of writes: ${why}`, {
    code: 'powercut.bad-log',
    blame: 'rig',
    hint: 'Record the operation again: a log that was copied, cut or written to since cannot be used.',
    evidence: { path },
  });
}
