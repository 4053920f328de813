import { exitCodes } from '../../contracts/verdict.js';
import { findBmap, readBmap } from '../../flash/bmap/find.js';
import { type FlashOptions, flash } from '../../flash/flash.js';
import { openSource } from '../../flash/source/open-source.js';
import type { PackedSource } from '../../flash/source/packed-source.js';
import type { CommandInput, CommandIo } from '../command.js';
import { OptionReader } from '../read-options.js';
import { chooseDrive } from './flash/choose-drive.js';
import { FlashDisplay } from './flash/display.js';
import type { Flashed, FlashMedium } from './flash/flashed.js';

const read = new OptionReader('rig flash');

/** `rig flash IMAGE`: progress while it works, one line at the end. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const { options } = input;
  const ref = String(input.args[0]);
  if (options.verify === false)
    io.err('WARNING: --no-verify: nobody will know whether the medium holds the image\n');
  using display = new FlashDisplay(io, { json: options.json === true });
  try {
    if (options.board !== undefined && options.drive !== undefined)
      throw read.bad('--board and --drive name two places: give one of them');
    const flashMedium: FlashMedium = async (medium, source, extra = {}) => {
      const map = await mapFor(source, ref, { input, io });
      return await flash(source, medium, {
        ...extra,
        map,
        everything: options.all === true,
        delta: options.delta === true,
        verify: options.verify !== false,
        progress: display.progress,
        signal: io.signal,
      });
    };
    const done =
      options.board === undefined
        ? await flashDrive(ref, flashMedium, { input, io })
        : await (await import('./flash/board.js')).flashBoard(ref, flashMedium, { input, io });
    display.done(done);
    return exitCodes.passed;
  } catch (error) {
    display.failed(error);
    throw error;
  }
}

async function flashDrive(
  ref: string,
  flashMedium: FlashMedium,
  { input, io }: { input: CommandInput; io: CommandIo },
): Promise<Flashed> {
  await using source = await openSource(ref, { cwd: io.cwd });
  const target = await chooseDrive(source, { input, io });
  await using medium = await target.open();
  return { report: await flashMedium(medium, source), image: source.name, place: target.name };
}

async function mapFor(
  source: PackedSource,
  ref: string,
  { input: { options }, io }: { input: CommandInput; io: CommandIo },
): Promise<FlashOptions['map']> {
  const where = { cwd: io.cwd, signal: io.signal };
  if (options.all === true) return undefined;
  if (typeof options.bmap === 'string') return await readBmap(options.bmap, where);
  if (options.bmap === false) return undefined;
  return await findBmap(source.path ?? ref, where);
}
