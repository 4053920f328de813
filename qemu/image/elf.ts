/** What a 64-bit little-endian ELF file asks of others (ELF-64 Object File Format, version 1.5). */
export interface ElfNeeds {
  /** DT_NEEDED, by soname. */
  readonly libraries: readonly string[];
  /** PT_INTERP, the dynamic loader's path. */
  readonly interpreter: string | undefined;
}

const segment = { load: 1, dynamic: 2, interpreter: 3 } as const;
const tag = { end: 0, needed: 1, stringTable: 5 } as const;

/** @returns undefined for what is no ELF file */
export function readElfNeeds(bytes: Buffer): ElfNeeds | undefined {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const at = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const segments = Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => {
    const header = bytes.subarray(at + index * size);
    return {
      type: header.readUInt32LE(0),
      offset: Number(header.readBigUInt64LE(8)),
      address: Number(header.readBigUInt64LE(16)),
      fileBytes: Number(header.readBigUInt64LE(32)),
    };
  });
  const loader = segments.find(({ type }) => type === segment.interpreter);
  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  const needed: number[] = [];
  let strings = 0;
  for (
    let offset = dynamic?.offset ?? 0;
    dynamic && offset < dynamic.offset + dynamic.fileBytes;
    offset += 16
  ) {
    const kind = Number(bytes.readBigUInt64LE(offset));
    const value = Number(bytes.readBigUInt64LE(offset + 8));
    if (kind === tag.end) break;
    if (kind === tag.needed) needed.push(value);
    if (kind === tag.stringTable) strings = value;
  }
  const home = segments.find(
    ({ type, address, fileBytes }) =>
      type === segment.load && address <= strings && strings < address + fileBytes,
  );
  const tableOffset = home ? strings - home.address + home.offset : 0;
  return {
    libraries: needed.map((offset) => textAt(bytes, tableOffset + offset)),
    interpreter: loader ? textAt(bytes, loader.offset) : undefined,
  };
}

function textAt(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset));
}
