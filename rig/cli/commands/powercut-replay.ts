import type { CommandInput, CommandIo } from '../command.js';

export async function run(_input: CommandInput, _io: CommandIo): Promise<number> {
  throw new Error('waits for the engine');
}
