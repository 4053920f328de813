import { resolve } from 'node:path';
import { findBoard } from '../../../config/find-boards.js';
import type { ImageFile } from '../../../contracts/capabilities.js';
import { RigError } from '../../../contracts/errors.js';
import type { AttachedSession } from '../../../core/session/attached.js';
import { openOwnDrive } from '../../../flash/medium/own-drive.js';
import { packingOf } from '../../../flash/source/formats.js';
import { openSource } from '../../../flash/source/open-source.js';
import type { PackedSource } from '../../../flash/source/packed-source.js';
import { type BoardRequest, backgroundSession, capability, imageFor } from '../../board-command.js';
import type { CommandInput, CommandIo } from '../../command.js';
import { openLab } from '../../open-lab.js';
import type { Flashed, FlashMedium } from './flashed.js';

/** What will be on the medium; the sha256 of one that comes packed or as a stream is known only afterwards. */
interface BoardImage extends AsyncDisposable {
  readonly source: PackedSource;
  readonly file: ImageFile | undefined;
}

/**
 * Writes the medium of a board through its mux, in the board's session: off, to the rig, written and read back, to the board. The board stays
 * off, and its session stays. After an error the medium counts as unknown.
 */
export async function flashBoard(
  ref: string,
  flashMedium: FlashMedium,
  { input, io }: { input: CommandInput; io: CommandIo },
): Promise<Flashed> {
  const lab = await openLab(input, io);
  const board = findBoard(lab, String(input.options.board));
  const request: BoardRequest = { lab, board, purpose: 'rig flash' };
  // Before the board is touched: a wrong image is bad input.
  await using image = await openImage(ref, request, io);
  const { session, started } = await backgroundSession(request, { io, input, exclusive: true });
  try {
    const report = await writeMedium(session, image, { flashMedium, io });
    return { report, image: image.source.name, place: board.name };
  } catch (error) {
    // What a session of ours holds now is worth nothing.
    if (started) await session.stop({ force: true }).catch(() => session.ended);
    throw error;
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

async function writeMedium(
  session: AttachedSession,
  { source, file }: BoardImage,
  { flashMedium, io }: { flashMedium: FlashMedium; io: CommandIo },
): ReturnType<FlashMedium> {
  const { signal } = io;
  const mux = capability(session, 'mux');
  await assertOff(session, signal);
  const drive = await mux.toRig({ signal });
  let holds: ImageFile | undefined;
  try {
    const report = await write();
    const sha256 = file?.sha256 ?? report.sha256;
    if (sha256 !== undefined) holds = { path: file?.path ?? source.name, sha256 };
    return report;
  } finally {
    // Also after Ctrl-C: a board whose medium is at the rig cannot be used by anybody.
    await mux.toBoard({ holds });
  }

  async function write(): ReturnType<FlashMedium> {
    await using medium = await openOwnDrive(drive, { signal });
    return await flashMedium(medium, source, { hashWhole: file === undefined });
  }
}

/** A medium never changes sides while the board is on: its switch is asked, not believed. */
async function assertOff(session: AttachedSession, signal: AbortSignal): Promise<void> {
  const { name, type } = session.board;
  const { power } = session.capabilities;
  if (!power) return;
  await power.off({ signal });
  const state = await power.state({ signal });
  if (state === 'off' || type.muxUnderPower) return;
  throw new RigError(`${name} must be off while its medium changes sides, and its power is ${state}`, {
    code: 'provision.power-not-off',
    blame: 'rig',
    hint: 'See that the power switch works: rig check.',
    evidence: { state },
  });
}

async function openImage(ref: string, request: BoardRequest, io: CommandIo): Promise<BoardImage> {
  const built = /^tiny(:\w+)?$/.test(ref) ? await imageFor(request, { io, ref }) : undefined;
  const source = await openSource(built?.path ?? ref, { cwd: io.cwd });
  try {
    const packing = packingOf(await source.head({ signal: io.signal }), source.name);
    const isFile = packing === undefined && source.path !== undefined;
    const image = built ?? (isFile ? await imageFor(request, { io, ref: resolve(io.cwd, ref) }) : undefined);
    return {
      source,
      file: image && { path: image.path, sha256: image.sha256 },
      [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
    };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}
