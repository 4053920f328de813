import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { RigError } from '../../contracts/errors.js';
import {
  regionKinds,
  type SectorSet,
  sectorBytes,
  stateKinds,
  type ViewExtents,
  viewSource,
} from '../../contracts/powercut.js';
import { bricks, outcomes, type ReplayFile, type ReplayPiece } from '../../contracts/powercut-verdict.js';

/** Reads whole sectors of a medium. */
export type ReadSectors = (sector: number, sectors: number) => Promise<Uint8Array>;

export interface ReplaySource {
  /** What its boot read; absent: all of the medium is compared. */
  readonly read?: SectorSet;
  /** The crash state. */
  readonly view: ReadSectors;
  /** The image that a replay lies on, zeros behind its end. */
  readonly image: ReadSectors;
}

/** Sectors that are compared at once. */
const pieceSectors = 2048;
/** No counterexample needs more: a boot reads some tens of megabytes. */
const maxBytes = 512 * 1024 * 1024;
/** A server of a medium keeps a bit for each of its sectors in memory. */
const maxMediumBytes = 2 ** 40;

/** What a replay needs besides the image: every sector that the boot read and the image does not hold so. */
export async function piecesOf(
  { read, view, image }: ReplaySource,
  { mediumBytes }: { readonly mediumBytes: number },
): Promise<ReplayPiece[]> {
  const pieces: ReplayPiece[] = [];
  const set = read ?? Float64Array.of(0, mediumBytes / sectorBytes);
  for (let pair = 0; pair + 1 < set.length; pair += 2) {
    const end = (set[pair] ?? 0) + (set[pair + 1] ?? 0);
    for (let sector = set[pair] ?? 0; sector < end; sector += pieceSectors) {
      const sectors = Math.min(pieceSectors, end - sector);
      const [wanted, there] = [await view(sector, sectors), await image(sector, sectors)];
      for (const [from, count] of differences(wanted, there))
        pieces.push({
          sector: sector + from,
          sectors: count,
          deflated: deflateRawSync(
            wanted.subarray(from * sectorBytes, (from + count) * sectorBytes),
          ).toString('base64'),
        });
    }
  }
  return pieces;
}

/** A state out of a replay file: the bytes for a file of its own, and the extents that name it as the first log. */
export interface UnpackedReplay {
  readonly bytes: Buffer;
  readonly extents: ViewExtents;
}

/** @throws RigError `powercut.bad-replay` */
export function unpackReplay(file: ReplayFile): UnpackedReplay {
  const sorted = [...file.pieces].sort((a, b) => a.sector - b.sector);
  const parts: Buffer[] = [];
  const sector = new Float64Array(sorted.length);
  const sectors = new Float64Array(sorted.length);
  const offset = new Float64Array(sorted.length);
  let bytes = 0;
  let end = 0;
  for (const [index, piece] of sorted.entries()) {
    if (piece.sector < end) throw badReplay('its pieces overlap');
    end = piece.sector + piece.sectors;
    if (end * sectorBytes > file.base.mediumBytes) throw badReplay('a piece lies past the medium');
    const wanted = piece.sectors * sectorBytes;
    // Before it is inflated: a small file may say that it is large.
    if (bytes + wanted > maxBytes) throw badReplay(`it holds more than ${maxBytes} bytes`);
    const part = inflate(piece.deflated, wanted);
    if (part?.length !== wanted) throw badReplay(`the piece at sector ${piece.sector} is damaged`);
    sector[index] = piece.sector;
    sectors[index] = piece.sectors;
    offset[index] = bytes;
    bytes += wanted;
    parts.push(part);
  }
  const count = sorted.length;
  const source = new Uint8Array(count).fill(viewSource.log);
  return {
    bytes: Buffer.concat(parts),
    extents: { count, sector, sectors, source, file: new Int32Array(count), offset },
  };
}

const count = z.number().int().nonnegative();
const replaySchema = z.object({
  format: z.literal('boardrig-powercut-replay/1'),
  operation: z.string(),
  board: z.string(),
  state: z.object({
    name: z.string(),
    epoch: count,
    kind: z.enum(stateKinds),
    durable: count,
    kept: z.array(count),
    torn: z.object({ entry: count, sectors: count, erased: count }).optional(),
  }),
  verdict: z.looseObject({
    outcome: z.enum(outcomes),
    why: z.string(),
    by: z.enum(['boot', 'full', 'settled']),
    brick: z.enum(bricks).optional(),
  }),
  explained: z.array(
    z.object({
      entry: count,
      sector: count,
      sectors: count,
      bytes: count,
      phase: z.string(),
      epoch: count,
      what: z.string(),
      regions: z.array(z.enum(regionKinds)),
      keptSectors: count.optional(),
    }),
  ),
  base: z.object({
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    mediumBytes: count.multipleOf(sectorBytes).max(maxMediumBytes),
  }),
  holds: z.enum(['read', 'all']),
  pieces: z.array(z.object({ sector: count, sectors: count.min(1), deflated: z.base64() })),
});

/** @throws RigError `powercut.bad-replay` */
export function parseReplayFile(text: string): ReplayFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badReplay('it is not JSON', cause);
  }
  const parsed = replaySchema.safeParse(json);
  if (parsed.success) return parsed.data as ReplayFile;
  const [issue] = parsed.error.issues;
  throw badReplay(`${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not as expected'}`);
}

/** First sector and count of each stretch in which two reads differ. */
function differences(wanted: Uint8Array, there: Uint8Array): [number, number][] {
  const found: [number, number][] = [];
  for (let sector = 0; sector * sectorBytes < wanted.length; sector += 1) {
    const [from, to] = [sector * sectorBytes, (sector + 1) * sectorBytes];
    if (Buffer.compare(wanted.subarray(from, to), there.subarray(from, to)) === 0) continue;
    const last = found.at(-1);
    if (last && last[0] + last[1] === sector) last[1] += 1;
    else found.push([sector, 1]);
  }
  return found;
}

function inflate(deflated: string, maxOutputLength: number): Buffer | undefined {
  try {
    return inflateRawSync(Buffer.from(deflated, 'base64'), { maxOutputLength });
  } catch {
    return undefined;
  }
}

function badReplay(why: string, cause?: unknown): RigError {
  return new RigError(`This is no replay file of a power cut: ${why}`, {
    code: 'powercut.bad-replay',
    blame: 'config',
    hint: 'Take a file that `rig powercut` wrote beside a certificate.',
    cause,
  });
}
