import type { Driver } from '../contracts/driver.js';
import { jsonSchemaOf } from '../schema/issues.js';
import { labSchema } from './lab-schema.js';
import { type Role, roles } from './names.js';

type JsonSchema = Record<string, unknown>;

/** JSON Schema of lab.yaml with the options of `drivers`, for editors (`rig schema`). */
export function labJsonSchema(drivers: readonly Driver[]): JsonSchema {
  const schema = jsonSchemaOf(labSchema);
  const boards = property(schema, 'boards');
  const board = boards.additionalProperties as JsonSchema;
  const drivenBy = property(board, 'drivers');
  delete drivenBy.propertyNames;
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'lab.yaml of boardrig',
    ...withProperty(schema, 'boards', {
      ...boards,
      additionalProperties: withProperty(board, 'drivers', {
        ...drivenBy,
        additionalProperties: false,
        properties: Object.fromEntries(
          roles
            .map((role) => [role, playersOf(role, drivers)] as const)
            .filter(([, players]) => players.length > 0)
            .map(([role, players]) => [role, { oneOf: players }]),
        ),
      }),
    }),
  };
}

/** One schema for each driver that can play `role`: its name, and its options beside it. */
function playersOf(role: Role, drivers: readonly Driver[]): JsonSchema[] {
  return drivers
    .filter((driver) => driver.roles.includes(role))
    .map((driver) => {
      const options = driver.optionsSchema as JsonSchema;
      return {
        ...options,
        type: 'object',
        properties: { driver: { const: driver.name }, ...(options.properties as JsonSchema | undefined) },
        required: ['driver', ...((options.required as string[] | undefined) ?? [])],
        additionalProperties: false,
      };
    });
}

function property(schema: JsonSchema, name: string): JsonSchema {
  return { ...((schema.properties as JsonSchema)[name] as JsonSchema) };
}

function withProperty(schema: JsonSchema, name: string, value: JsonSchema): JsonSchema {
  return { ...schema, properties: { ...(schema.properties as JsonSchema), [name]: value } };
}
