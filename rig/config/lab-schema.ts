import { z } from 'zod';
import { plainName, roles, text } from './names.js';

/** What stands below `drivers.ROLE`: the driver's name, beside its options. */
export const driverSchema = z.looseObject(
  { driver: text },
  { error: 'a mapping with the key driver, and the options of that driver' },
);

export const boardSchema = z.strictObject({
  type: text.meta({
    description: 'A board type: the name of one that comes with boardrig, or the path of a YAML file.',
  }),
  labels: z
    .array(plainName)
    .default([])
    .meta({ description: 'Names for groups of boards, for `rig run --board LABEL`.' }),
  drivers: z
    .partialRecord(z.enum(roles), driverSchema)
    .default({})
    .meta({ description: 'The devices that the board hangs on, by role. None: QEMU plays the board.' }),
  ssh: z
    .strictObject({
      host: text.optional(),
      port: z.int().min(1).max(65535).optional(),
      keyFile: text.optional(),
    })
    .optional()
    .meta({ description: 'How this host reaches the board over ssh; keyFile counts from the lab file.' }),
});

/** The outermost shape; each board is then checked by itself, so that one bad board hides no other's problems. */
export const labShape = z.strictObject({
  boards: z.record(plainName, z.unknown()),
});

export const labSchema = z.strictObject({
  boards: z.record(plainName, boardSchema),
});
