import type { CommandInput, CommandIo } from '../../command.js';
import type { Flashed, FlashMedium } from '../flash.js';

export async function flashBoard(
  _ref: string,
  _flashMedium: FlashMedium,
  _options: { input: CommandInput; io: CommandIo },
): Promise<Flashed> {
  throw new Error('not there yet');
}
