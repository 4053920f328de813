import { z } from 'zod';

const wanted = 'a MAC address such as dc:a6:32:12:34:56';

/** Which of several clients is the board. */
export const boardMac = z
  .string({ error: wanted })
  .regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i, { error: wanted })
  .transform((text) => text.toLowerCase())
  .meta({ description: "MAC address of the board's own interface." });
