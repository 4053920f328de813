import { z } from 'zod';
import type { WantedLine } from './line.js';

const wanted =
  'the name of a GPIO line, or a mapping with name or offset, and chip (its label), such as { chip: pinctrl-bcm2711, name: GPIO17 }';

/** One GPIO line in the lab file. Never by number of the chip: /dev/gpiochip0 may be another after a reboot. */
export const lineOption = z
  .union(
    [
      z.string().min(1),
      z.strictObject({
        chip: z.string().min(1).optional(),
        usb: z
          .string()
          .regex(/^\d+-\d+(?:\.\d+)*$/)
          .optional(),
        serial: z.string().min(1).optional(),
        name: z.string().min(1).optional(),
        offset: z.int().min(0).max(1023).optional(),
      }),
    ],
    { error: wanted },
  )
  .transform((value): WantedLine => (typeof value === 'string' ? { name: value } : value))
  .superRefine((line, context) => {
    if ((line.name === undefined) === (line.offset === undefined))
      context.addIssue({ code: 'custom', message: 'either name or offset' });
    if (line.offset !== undefined && line.chip === undefined)
      context.addIssue({ code: 'custom', message: 'the label of its chip (chip) beside the offset' });
  });

export const activeOption = z.enum(['high', 'low']).default('high');
export const biasOption = z.enum(['as-is', 'disabled', 'pull-up', 'pull-down']).default('as-is');
