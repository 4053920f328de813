/** What a little-endian ELF file asks of others (System V ABI, chapters 4 and 5; ELF-64 Object File Format, version 1.5). */
export interface ElfNeeds {
  /** DT_NEEDED, by soname. */
  readonly libraries: readonly string[];
  /** PT_INTERP, the dynamic loader's path. */
  readonly interpreter: string | undefined;
}

const segment = { load: 1, dynamic: 2, interpreter: 3 } as const;
const tag = { end: 0, needed: 1, stringTable: 5 } as const;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
}

/** @returns undefined for what is no ELF file */
export function readElfNeeds(bytes: Buffer): ElfNeeds | undefined {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const wordBytes = bytes.readUInt8(4) === 1 ? 4 : 8;
  const word = (at: number): number =>
    wordBytes === 4 ? bytes.readUInt32LE(at) : Number(bytes.readBigUInt64LE(at));
  const segments = readSegments(bytes, { wordBytes, word });
  const loader = segments.find(({ type }) => type === segment.interpreter);
  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  const needed: number[] = [];
  let strings = 0;
  for (
    let offset = dynamic?.offset ?? 0;
    dynamic && offset < dynamic.offset + dynamic.fileBytes;
    offset += 2 * wordBytes
  ) {
    const kind = word(offset);
    const value = word(offset + wordBytes);
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

/** Where the program header table says how many bytes begin where; its fields have another order in the two classes. */
function readSegments(
  bytes: Buffer,
  { wordBytes, word }: { wordBytes: 4 | 8; word: (at: number) => number },
): Segment[] {
  const [table, sizeAt] = wordBytes === 4 ? [word(28), 42] : [word(32), 54];
  const size = bytes.readUInt16LE(sizeAt);
  const fields =
    wordBytes === 4 ? { offset: 4, address: 8, fileBytes: 16 } : { offset: 8, address: 16, fileBytes: 32 };
  return Array.from({ length: bytes.readUInt16LE(sizeAt + 2) }, (_, index) => {
    const at = table + index * size;
    return {
      type: bytes.readUInt32LE(at),
      offset: word(at + fields.offset),
      address: word(at + fields.address),
      fileBytes: word(at + fields.fileBytes),
    };
  });
}

function textAt(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset));
}
