import { inflateSync } from 'node:zlib';
import { messageOf, RigError } from '../../contracts/errors.js';
import type { Picture } from '../../contracts/suite.js';

const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** Beyond what displays of boards have, and little enough to be held in memory. */
const mostPixels = 8192 * 4320;
/** Bytes of a pixel by colour type, of those that grabbers and QEMU write. */
const channelsOf: Readonly<Record<number, number | undefined>> = { 0: 1, 2: 3, 6: 4 };

interface Header {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly channels: number;
}

/**
 * Reads a PNG (ISO/IEC 15948) of eight bits a channel that is not interlaced; what is transparent is taken as it is.
 *
 * @throws RigError `capture.unreadable`
 */
export function readPng(file: Uint8Array): Omit<Picture, 'png'> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (!bytes.subarray(0, signature.length).equals(signature)) throw unreadable('it does not begin as a PNG');
  let header: Header | undefined;
  const data: Buffer[] = [];
  for (const { type, content } of chunksOf(bytes)) {
    if (type === 'IHDR') header = readHeader(content);
    if (type === 'IDAT') data.push(content);
  }
  if (!header) throw unreadable('it has no header');
  const { widthPx, heightPx, channels } = header;
  const rows = unfilter(inflate(Buffer.concat(data), header), header);
  const rgb = new Uint8Array(widthPx * heightPx * 3);
  for (let pixel = 0; pixel < widthPx * heightPx; pixel += 1)
    for (let colour = 0; colour < 3; colour += 1)
      rgb[pixel * 3 + colour] = rows[pixel * channels + (channels === 1 ? 0 : colour)] as number;
  return { widthPx, heightPx, rgb };
}

/** A length, a type, the content, a checksum: what came over a pipe of this host is not checked against that. */
function* chunksOf(bytes: Buffer): Generator<{ readonly type: string; readonly content: Buffer }> {
  for (let at = signature.length; at < bytes.length; ) {
    if (at + 12 > bytes.length) throw unreadable('it is cut off');
    const length = bytes.readUInt32BE(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) throw unreadable('it is cut off');
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (type === 'IEND') return;
    yield { type, content: bytes.subarray(at + 8, end) };
    at = end + 4;
  }
  throw unreadable('it has no end');
}

function readHeader(content: Buffer): Header {
  if (content.length !== 13) throw unreadable('its header has another length');
  const widthPx = content.readUInt32BE(0);
  const heightPx = content.readUInt32BE(4);
  const [depth, colourType = -1, , , interlaced] = content.subarray(8);
  const channels = channelsOf[colourType];
  if (depth !== 8 || channels === undefined || interlaced !== 0)
    throw unreadable(`its pixels are of type ${colourType} with ${depth} bits`);
  if (widthPx === 0 || heightPx === 0 || widthPx * heightPx > mostPixels)
    throw unreadable(`it has ${widthPx} × ${heightPx} pixels`);
  return { widthPx, heightPx, channels };
}

function inflate(data: Buffer, { widthPx, heightPx, channels }: Header): Buffer {
  const wanted = heightPx * (1 + widthPx * channels);
  let found: Buffer;
  try {
    found = inflateSync(data, { maxOutputLength: wanted });
  } catch (error) {
    throw unreadable(messageOf(error), error);
  }
  if (found.length !== wanted) throw unreadable(`it has ${found.length} bytes of pixels, not ${wanted}`);
  return found;
}

/** Each row begins with the number of its filter (ISO/IEC 15948, 9.2): a byte is the difference from what it predicts. */
function unfilter(filtered: Buffer, { widthPx, heightPx, channels }: Header): Uint8Array {
  const stride = widthPx * channels;
  const rows = new Uint8Array(heightPx * stride);
  for (let row = 0; row < heightPx; row += 1) {
    const filter = filtered[row * (stride + 1)] as number;
    if (filter > 4) throw unreadable(`row ${row} has the unknown filter ${filter}`);
    for (let x = 0; x < stride; x += 1) {
      const at = row * stride + x;
      const left = x < channels ? 0 : (rows[at - channels] as number);
      const up = row === 0 ? 0 : (rows[at - stride] as number);
      const upLeft = row === 0 || x < channels ? 0 : (rows[at - stride - channels] as number);
      rows[at] = (filtered[row * (stride + 1) + 1 + x] as number) + predict(filter, { left, up, upLeft });
    }
  }
  return rows;
}

function predict(
  filter: number,
  { left, up, upLeft }: { readonly left: number; readonly up: number; readonly upLeft: number },
): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  // Paeth: whichever of the three is nearest to left + up - upLeft.
  const [toLeft, toUp, toUpLeft] = [
    Math.abs(up - upLeft),
    Math.abs(left - upLeft),
    Math.abs(left + up - 2 * upLeft),
  ];
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

function unreadable(why: string, cause?: unknown): RigError {
  return new RigError(`Cannot read the picture of the display: ${why}`, {
    code: 'capture.unreadable',
    blame: 'rig',
    hint: 'Pictures are PNG files with eight bits a channel, not interlaced: look at what the driver gives.',
    ...(cause === undefined ? {} : { cause }),
  });
}
