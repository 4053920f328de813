import { z } from 'zod';

/** How a serial port is set, wherever it is. */
export const serialShape = {
  baud: z.int().min(50).max(4_000_000).default(115_200),
  dataBits: z
    .union([z.literal(5), z.literal(6), z.literal(7), z.literal(8)], { error: '5, 6, 7 or 8' })
    .default(8),
  parity: z.enum(['none', 'even', 'odd']).default('none'),
  stopBits: z.union([z.literal(1), z.literal(2)], { error: '1 or 2' }).default(1),
  flowControl: z.enum(['none', 'rtscts', 'xonxoff']).default('none'),
  dtr: z
    .boolean()
    .optional()
    .meta({ description: 'Sets the line DTR when the port is opened; left out, it stays as it is.' }),
  rts: z
    .boolean()
    .optional()
    .meta({ description: 'Sets the line RTS when the port is opened; left out, it stays as it is.' }),
};

export interface SerialSettings {
  readonly baud: number;
  readonly dataBits: 5 | 6 | 7 | 8;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 2;
  readonly flowControl: 'none' | 'rtscts' | 'xonxoff';
  readonly dtr?: boolean | undefined;
  readonly rts?: boolean | undefined;
}
