import { labJsonSchema } from '../../config/lab-json-schema.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { CommandInput, CommandIo } from '../command.js';
import { drivers } from '../registry.js';

/** `rig schema`: JSON Schema of lab.yaml, for editors. */
export async function run(_input: CommandInput, io: CommandIo): Promise<number> {
  const loaded = await Promise.all(Object.values(drivers).map((load) => load()));
  io.out(`${JSON.stringify(labJsonSchema(loaded), null, 2)}\n`);
  return exitCodes.passed;
}
