import { deflateSync } from 'node:zlib';

/** A PNG as the standard has it, from its pixels and the filter of each row. */
export function png(
  rows: readonly (readonly number[])[],
  {
    colourType = 2,
    depth = 8,
    filters = [] as readonly number[],
    width = 2,
    data = [] as readonly number[],
  } = {},
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(rows.length, 4);
  header.set([depth, colourType, 0, 0, 0], 8);
  const content = data.length > 0 ? data : rows.flatMap((row, index) => [filters[index] ?? 0, ...row]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.from(content))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Its checksum is left at zero: nobody reads it. */
export function chunk(type: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, Buffer.from(type, 'latin1'), content, Buffer.alloc(4)]);
}
