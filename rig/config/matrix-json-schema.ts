import { jsonSchemaOf } from '../schema/issues.js';
import { matrixSchema } from './matrix-schema.js';

/** JSON Schema of a night's matrix, for editors (`rig schema matrix`). */
export function matrixJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'matrix.yaml of boardrig',
    ...jsonSchemaOf(matrixSchema),
  };
}
