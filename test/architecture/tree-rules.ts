/** A tracked text file: path relative to the root, with slashes. */
export interface TreeFile {
  readonly path: string;
  readonly text: string;
}

export const topRooms = [
  'rig',
  'drivers',
  'qemu',
  'suites',
  'reports',
  'test',
  'bench',
  'docs',
  'docs/decisions',
];

/** Written in pieces, so that this file does not hold what it looks for. */
const forbiddenTexts: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`(^|[^\\w.])/${'work'}/`), 'a path of one machine'],
  [new RegExp(`(^|[^\\w.])/(${'home'}|${'Users'})/\\w`), 'a path of one machine'],
  [new RegExp(`/${'root'}/\\.`), 'a path of one machine'],
  [new RegExp(`\\.\\./${'shared'}/`), 'a folder outside the project'],
  [
    new RegExp(`${'https'}?://(registry|deb|security|snapshot|archive|ftp)\\.[\\w.]+\\.(org|com|net)`),
    'a host of a registry',
  ],
];

/** Rules about the tree as a whole: rooms with a README, decisions numbered without a gap, nothing of one machine. */
export function judgeTree(files: readonly TreeFile[], rooms: readonly string[] = topRooms): string[] {
  const paths = new Set(files.map((file) => file.path));
  return [
    ...rooms.filter((room) => !paths.has(`${room}/README.md`)).map((room) => `${room}/ has no README.md`),
    ...judgeDecisions(paths, files.find((file) => file.path === 'docs/decisions/README.md')?.text ?? ''),
    ...files.flatMap(judgeText),
  ];
}

function judgeText({ path, text }: TreeFile): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      forbiddenTexts
        .filter(([pattern]) => pattern.test(line))
        .map(([, what]) => `${path}:${index + 1} names ${what}: ${line.trim().slice(0, 100)}`),
    );
}

function judgeDecisions(paths: ReadonlySet<string>, index: string): string[] {
  const numbers = [...paths]
    .map((path) => /^docs\/decisions\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1])
    .filter((found) => found !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  const outOfPlace = numbers.flatMap((number, position) =>
    number === position + 1
      ? []
      : [`docs/decisions: ${number} stands where ${position + 1} belongs (a gap, or one twice)`],
  );
  const unlisted = [...paths]
    .filter((path) => path.startsWith('docs/decisions/') && !path.endsWith('/README.md'))
    .filter((path) => !index.includes(path.slice('docs/decisions/'.length)))
    .map((path) => `docs/decisions/README.md does not list ${path}`);
  return [...outOfPlace, ...unlisted];
}
