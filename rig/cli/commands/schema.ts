import { labJsonSchema } from '../../config/lab-json-schema.js';
import { matrixJsonSchema } from '../../config/matrix-json-schema.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { CommandInput, CommandIo } from '../command.js';
import { OptionReader } from '../read-options.js';
import { drivers } from '../registry.js';

const read = new OptionReader('rig schema');

/** `rig schema [lab|matrix]`: JSON Schema of lab.yaml or of a night's matrix, for editors. */
export async function run({ args }: CommandInput, io: CommandIo): Promise<number> {
  io.out(`${JSON.stringify(await schemaOf(String(args[0] ?? 'lab')), null, 2)}\n`);
  return exitCodes.passed;
}

async function schemaOf(file: string): Promise<Record<string, unknown>> {
  switch (file) {
    case 'lab':
      return labJsonSchema(await Promise.all(Object.values(drivers).map((load) => load())));
    case 'matrix':
      return matrixJsonSchema();
    default:
      throw read.bad(`There is a schema of lab and one of matrix, none of "${file}"`);
  }
}
