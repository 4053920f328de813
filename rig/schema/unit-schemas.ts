import { z } from 'zod';
import { durationPattern, parseDurationMs, parseSizeBytes, sizePattern } from './units.js';

const durationWanted = 'a duration such as 90s, 10m or 1h30m (at most 24d)';

/** A duration as a person writes it; becomes milliseconds. */
export const duration = z
  .string({ error: durationWanted })
  .regex(durationPattern, { error: durationWanted })
  .transform((text, context) => {
    const ms = parseDurationMs(text);
    if (ms !== undefined) return ms;
    context.addIssue({ code: 'custom', message: durationWanted });
    return z.NEVER;
  });

const memoryWanted = 'a size such as 256M or 1G, in whole mebibytes';

/** A size of memory as a person writes it; becomes mebibytes. */
export const memoryMiB = z
  .string({ error: memoryWanted })
  .regex(sizePattern, { error: memoryWanted })
  .transform((text, context) => {
    const mebibytes = (parseSizeBytes(text) ?? Number.NaN) / 2 ** 20;
    if (Number.isInteger(mebibytes) && mebibytes > 0) return mebibytes;
    context.addIssue({ code: 'custom', message: memoryWanted });
    return z.NEVER;
  });
