import { createHash } from 'node:crypto';
import type { Cancellable } from '../../contracts/capabilities.js';
import { type LogEntry, sectorBytes } from '../../contracts/powercut.js';
import { erasedSlot, fromBase, type Layers } from './layers.js';

/** Where the bytes are; the files of a view give both. */
export interface ByteSource {
  readBase(sector: number, sectors: number): Promise<Uint8Array>;
  readLog(place: Pick<LogEntry, 'file' | 'offset'>, length: number): Promise<Uint8Array>;
}

/** A write may be as long as a request of a guest: it is read in pieces. */
const pieceSectors = 2048;

/**
 * A number for the bytes of each touched sector in each version that the log has of it: equal bytes, equal numbers. Sectors are
 * compared by SHA-256, of which no two inputs with the same value are known.
 */
export class Contents {
  readonly #layers: Layers;
  readonly #base: Int32Array;
  /** By entry: of each of its sectors. Undefined for what changes nothing. */
  readonly #written: readonly (Int32Array | undefined)[];
  readonly #erased: number;
  readonly #digests: readonly string[];

  private constructor(parts: {
    layers: Layers;
    base: Int32Array;
    written: readonly (Int32Array | undefined)[];
    erased: number;
    digests: readonly string[];
  }) {
    this.#layers = parts.layers;
    this.#base = parts.base;
    this.#written = parts.written;
    this.#erased = parts.erased;
    this.#digests = parts.digests;
  }

  static async read(
    entries: readonly LogEntry[],
    { layers, source, signal }: Cancellable & { readonly layers: Layers; readonly source: ByteSource },
  ): Promise<Contents> {
    const numbers = new Numbers();
    const erased = numbers.of(new Uint8Array(sectorBytes).fill(0xff));
    const zeros = numbers.of(new Uint8Array(sectorBytes));
    const base = new Int32Array(layers.touched.slots);
    for (const { sector, sectors, slot } of layers.touched.stretches()) {
      signal?.throwIfAborted();
      await inPieces(sectors, async (done, count) => {
        numbers.into(base, slot + done, await source.readBase(sector + done, count));
      });
    }
    const written: (Int32Array | undefined)[] = [];
    for (const entry of entries) {
      signal?.throwIfAborted();
      written.push(await numbersOf(entry, { numbers, zeros, source }));
    }
    return new Contents({ layers, base, written, erased, digests: numbers.digests });
  }

  /** The number of what `entry` (or `fromBase`, `erasedSlot`) gave the slot. */
  numberOf(slot: number, entry: number): number {
    if (entry === fromBase) return this.#base[slot] ?? -1;
    if (entry === erasedSlot) return this.#erased;
    return this.#written[entry]?.[slot - this.#layers.firstSlot(entry)] ?? -1;
  }

  /** SHA-256 of the bytes that have a number, as hexadecimal. */
  digestOf(number: number): string {
    return this.#digests[number] ?? '';
  }
}

async function numbersOf(
  entry: LogEntry,
  { numbers, zeros, source }: { numbers: Numbers; zeros: number; source: ByteSource },
): Promise<Int32Array | undefined> {
  if (entry.kind === 'discard') return new Int32Array(entry.sectors).fill(zeros);
  if (entry.kind !== 'write') return undefined;
  const found = new Int32Array(entry.sectors);
  await inPieces(entry.sectors, async (done, count) => {
    const offset = entry.offset + done * sectorBytes;
    numbers.into(found, done, await source.readLog({ file: entry.file, offset }, count * sectorBytes));
  });
  return found;
}

async function inPieces(sectors: number, act: (done: number, count: number) => Promise<void>): Promise<void> {
  for (let done = 0; done < sectors; done += pieceSectors)
    await act(done, Math.min(pieceSectors, sectors - done));
}

class Numbers {
  readonly digests: string[] = [];
  readonly #known = new Map<string, number>();

  of(sector: Uint8Array): number {
    const digest = createHash('sha256').update(sector).digest('hex');
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    this.#known.set(digest, this.digests.length);
    return this.digests.push(digest) - 1;
  }

  into(target: Int32Array, at: number, bytes: Uint8Array): void {
    for (let index = 0; index * sectorBytes < bytes.length; index += 1)
      target[at + index] = this.of(bytes.subarray(index * sectorBytes, (index + 1) * sectorBytes));
  }
}
