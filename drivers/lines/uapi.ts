/**
 * The kernel's GPIO character device, second version of its interface, as bytes: include/uapi/linux/gpio.h of Linux 5.10
 * and later. Sizes and offsets are those that a C compiler gives for that header on 64 and 32 bit machines alike: every
 * structure is padded to 64 bits on purpose. Numbers are in the byte order of the host; every host we know is little endian.
 */
export const requests = {
  chipInfo: 0x8044_b401,
  lineInfo: 0xc100_b405,
  line: 0xc250_b407,
  setConfig: 0xc110_b40d,
  getValues: 0xc010_b40e,
  setValues: 0xc010_b40f,
} as const;

export const sizes = {
  chipInfo: 68,
  lineInfo: 256,
  lineRequest: 592,
  lineConfig: 272,
  lineValues: 16,
  lineEvent: 48,
} as const;

/** GPIO_V2_LINE_FLAG_*. */
export const flags = {
  used: 1n << 0n,
  activeLow: 1n << 1n,
  input: 1n << 2n,
  output: 1n << 3n,
  edgeRising: 1n << 4n,
  edgeFalling: 1n << 5n,
  biasPullUp: 1n << 8n,
  biasPullDown: 1n << 9n,
  biasDisabled: 1n << 10n,
} as const;

const nameBytes = 32;
const attributeOutputValues = 2;
const risingEdge = 1;

export interface ChipInfo {
  readonly name: string;
  readonly label: string;
  readonly lines: number;
}

export interface LineInfo {
  /** Empty: the line has none. */
  readonly name: string;
  readonly consumer: string;
  readonly used: boolean;
}

export interface LineEvent {
  readonly rising: boolean;
  /** CLOCK_MONOTONIC. */
  readonly timestampNs: bigint;
  /** Counts the events of this line from 1, also those that were dropped because nobody read. */
  readonly sequence: number;
}

export function decodeChipInfo(bytes: Buffer): ChipInfo {
  return { name: textAt(bytes, 0), label: textAt(bytes, nameBytes), lines: bytes.readUInt32LE(64) };
}

export function encodeLineInfoRequest(offset: number): Buffer {
  const bytes = Buffer.alloc(sizes.lineInfo);
  bytes.writeUInt32LE(offset, 64);
  return bytes;
}

export function decodeLineInfo(bytes: Buffer): LineInfo {
  return {
    name: textAt(bytes, 0),
    consumer: textAt(bytes, nameBytes),
    used: (bytes.readBigUInt64LE(72) & flags.used) !== 0n,
  };
}

/** @param wanted `output`: the level it begins with; absent: an input */
export function encodeLineRequest(wanted: {
  readonly offset: number;
  readonly consumer: string;
  readonly flags: bigint;
  readonly output?: 0 | 1;
}): Buffer {
  const bytes = Buffer.alloc(sizes.lineRequest);
  bytes.writeUInt32LE(wanted.offset, 0);
  bytes.write(wanted.consumer.slice(0, nameBytes - 1), 256, 'latin1');
  encodeLineConfig(wanted.flags, { output: wanted.output }).copy(bytes, 288);
  bytes.writeUInt32LE(1, 560);
  // As many events as the kernel will keep for one line; beyond 16 it has to be asked.
  bytes.writeUInt32LE(1024, 564);
  return bytes;
}

/** The file descriptor of the line, when the kernel has filled in the request. */
export function lineFileOf(request: Buffer): number {
  return request.readInt32LE(588);
}

export function encodeLineConfig(lineFlags: bigint, { output }: { output?: 0 | 1 | undefined } = {}): Buffer {
  const bytes = Buffer.alloc(sizes.lineConfig);
  bytes.writeBigUInt64LE(lineFlags, 0);
  if (output === undefined) return bytes;
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(attributeOutputValues, 32);
  bytes.writeBigUInt64LE(BigInt(output), 40);
  bytes.writeBigUInt64LE(1n, 48);
  return bytes;
}

export function encodeLineValues(level: 0 | 1): Buffer {
  const bytes = Buffer.alloc(sizes.lineValues);
  bytes.writeBigUInt64LE(BigInt(level), 0);
  bytes.writeBigUInt64LE(1n, 8);
  return bytes;
}

export function decodeLineValues(bytes: Buffer): 0 | 1 {
  return (bytes.readBigUInt64LE(0) & 1n) === 1n ? 1 : 0;
}

/** Every whole event in `bytes`. */
export function decodeLineEvents(bytes: Buffer): LineEvent[] {
  const events: LineEvent[] = [];
  for (let at = 0; at + sizes.lineEvent <= bytes.length; at += sizes.lineEvent)
    events.push({
      timestampNs: bytes.readBigUInt64LE(at),
      rising: bytes.readUInt32LE(at + 8) === risingEdge,
      sequence: bytes.readUInt32LE(at + 20),
    });
  return events;
}

function textAt(bytes: Buffer, start: number): string {
  const field = bytes.subarray(start, start + nameBytes);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? nameBytes : end).toString('latin1');
}
