import { z } from 'zod';
import { duration, memoryMiB } from '../schema/unit-schemas.js';
import { plainName, text } from './names.js';

const priority = z
  .int()
  .default(0)
  .meta({ description: 'The higher, the earlier: what a deadline cuts off is what comes last.' });

export const rowSchema = z.strictObject({
  boards: z.array(text).min(1).meta({ description: 'Boards, by name or label.' }),
  images: z
    .array(text)
    .min(1)
    .optional()
    .meta({ description: 'Names of `images`. None: the reference image of each board.' }),
  suites: z.array(text).min(1).meta({ description: 'Suites, by name or path from this file.' }),
  tier: z.enum(['smoke', 'pr', 'nightly']).default('nightly'),
  priority,
  deadline: duration.optional().meta({ description: 'For one board with one image.' }),
});

const exclusion = z
  .strictObject({ board: text.optional(), image: text.optional(), suite: text.optional() })
  .refine((value) => Object.keys(value).length > 0, { error: 'at least one of board, image and suite' });

const day = z
  .string({ error: 'a day such as 2026-12-31' })
  .refine((value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)), {
    error: 'a day such as 2026-12-31',
  });

const linkWanted = 'a link, beginning with https://';
const link = z.string({ error: linkWanted }).regex(/^https?:\/\/\S+$/, { error: linkWanted });

const quarantine = z.strictObject({
  board: text.optional(),
  image: text.optional(),
  test: z.string().regex(/^[^/]+\/./, { error: 'a test such as networking/name servers answer' }),
  reason: text,
  owner: link.meta({ description: 'A link to whoever works on it.' }),
  expires: day.meta({ description: 'The last day; from the next on it fails the night again.' }),
  releaseAfter: z.int().min(1).default(7),
});

export const matrixSchema = z.strictObject({
  images: z.record(plainName, text).default({}),
  matrix: rowSchema,
  include: z.array(rowSchema).default([]),
  exclude: z.array(exclusion).default([]),
  retries: z.int().min(0).max(5).default(1),
  flakyLimit: z.int().min(0).optional(),
  deadline: duration.optional().meta({ description: 'For the whole night.' }),
  host: z
    .strictObject({
      cpus: z.int().min(1).optional(),
      memory: memoryMiB.optional(),
      heavy: z.array(text).default([]),
    })
    .default({ heavy: [] }),
  quarantine: z.array(quarantine).default([]),
});

export type MatrixFile = z.output<typeof matrixSchema>;
