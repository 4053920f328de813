import { z } from 'zod';
import { duration } from '../../rig/schema/unit-schemas.js';

/** Options that every power switch has, beside what it hangs on. */
export const switchShape = {
  timeout: duration
    .default(30_000)
    .meta({ description: 'Allowed time for each order, and for the state to follow it.' }),
  settle: duration.default(0).meta({
    description:
      'Shortest time that the board stays off, counted from the last power-off, of an earlier session too.',
  }),
  offReads: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .meta({ description: 'So many reads in a row must say off before it is believed.' }),
};
