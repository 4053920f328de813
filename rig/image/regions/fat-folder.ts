/** A file or folder as its folder names it. */
export interface FatEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly cluster: number;
  readonly sizeBytes: number;
}

const entryBytes = 32;
const attribute = { volume: 0x08, folder: 0x10, longName: 0x0f } as const;
const deleted = 0xe5;
/** Where the 13 letters of a piece of a long name are. */
const longLetters = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;

/** The entries of a folder, long names where they have one; without `.` and `..`, and without what was deleted. */
export function readFolder(folder: Buffer): FatEntry[] {
  const found: FatEntry[] = [];
  let long: string[] = [];
  for (let at = 0; at + entryBytes <= folder.length; at += entryBytes) {
    const entry = folder.subarray(at, at + entryBytes);
    const first = entry.readUInt8(0);
    if (first === 0) break;
    const attributes = entry.readUInt8(11);
    if (first !== deleted && (attributes & 0x3f) === attribute.longName) {
      // The last piece of a name comes first.
      long.unshift(pieceOf(entry));
      continue;
    }
    const name = long.length > 0 ? long.join('') : shortName(entry);
    long = [];
    if (first === deleted || (attributes & attribute.volume) !== 0 || name === '.' || name === '..') continue;
    found.push({
      // What stands there is anybody's.
      name: name.replace(/[^\x20-\x7e]/g, '?'),
      isFolder: (attributes & attribute.folder) !== 0,
      cluster: entry.readUInt16LE(26) + entry.readUInt16LE(20) * 2 ** 16,
      sizeBytes: entry.readUInt32LE(28),
    });
  }
  return found;
}

function pieceOf(entry: Buffer): string {
  const letters = longLetters.map((at) => entry.readUInt16LE(at));
  const end = letters.indexOf(0);
  return String.fromCharCode(...letters.slice(0, end < 0 ? letters.length : end));
}

/** Windows and Linux keep in byte 12 whether the name or its ending was in small letters. */
function shortName(entry: Buffer): string {
  const small = entry.readUInt8(12);
  const part = (from: number, to: number, isSmall: boolean): string => {
    const text = entry.toString('latin1', from, to).trimEnd();
    return isSmall ? text.toLowerCase() : text;
  };
  const [name, ending] = [part(0, 8, (small & 8) !== 0), part(8, 11, (small & 16) !== 0)];
  return ending === '' ? name : `${name}.${ending}`;
}
