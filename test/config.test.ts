// test: light
// Long because every message a person can meet is kept here word for word.
// Configuration as a person meets it: real files in a folder, and the messages word for word.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { serialConsoleDriver } from '../drivers/console/serial.js';
import { tcpConsoleDriver } from '../drivers/console/tcp.js';
import { commandPowerDriver } from '../drivers/power/command.js';
import { drivers as allDrivers } from '../rig/cli/registry.js';
import { builtInTypes, loadBoardType } from '../rig/config/board-type.js';
import { findBoard, findBoards } from '../rig/config/find-boards.js';
import { type Lab, type LabOptions, loadLab } from '../rig/config/lab.js';
import { labJsonSchema } from '../rig/config/lab-json-schema.js';
import { matrixJsonSchema } from '../rig/config/matrix-json-schema.js';
import { packageRoot } from '../rig/config/package.js';
import { Problems } from '../rig/config/problems.js';
import { maskSecrets } from '../rig/config/secrets.js';
import { parseYaml } from '../rig/config/yaml-source.js';
import { RigError } from '../rig/contracts/errors.js';
import { parseDurationMs, parseSizeBytes } from '../rig/schema/units.js';
import { violations } from './config/json-schema.js';

const drivers = {
  'console-tcp': async () => tcpConsoleDriver,
  'console-serial': async () => serialConsoleDriver,
  'power-command': async () => commandPowerDriver,
};

const mine = `arch: arm64
machine:
  model: virt
  cpu: cortex-a53
  boot: { kind: kernel, kernel: ./Image, initrd: initrd.gz, append: console=ttyAMA0 }
signatures:
  prompt: { literal: '~ # ' }
`;

/** How a file refers to a variable of the environment. */
const fromEnv = (name: string, word = 'env'): string => `\${${word}:${name}}`;

/** A folder with `files`, gone with the test. */
function folder(t: Test, files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = mkdtempSync(join(tmpdir(), 'config-test-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries({ Image: 'kernel', 'initrd.gz': 'initrd', ...files })) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

function load(cwd: string, options: Partial<LabOptions> = {}): Promise<Lab> {
  return loadLab({ cwd, env: {}, drivers, ...options });
}

/** `CODE PLACE\nMESSAGE` as the error says it. */
async function said(attempt: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    if (!(error instanceof RigError)) throw error;
    const place = error.place;
    const where = place
      ? ` ${[place.file, place.line, place.column].filter((part) => part !== undefined).join(':')}`
      : '';
    if (error.blame !== 'config' || error.hint === '') throw error;
    return `${error.code}${where}\n${error.message}`;
  }
  return 'nothing was wrong';
}

/** The messages, word for word, as `test/config/NAME.txt` holds them; `UPDATE_MESSAGES=1` writes the file anew. */
function sameMessages(t: Test, name: string, found: Readonly<Record<string, string>>): void {
  const file = join(packageRoot, 'test', 'config', `${name}.txt`);
  const text = Object.entries(found)
    .map(([title, message]) => `== ${title}\n${message}\n`)
    .join('\n')
    .replace(/expected one of [^\n]*, or a path/g, 'expected one of BUILT-IN, or a path');
  if (process.env.UPDATE_MESSAGES === '1') writeFileSync(file, text);
  t.equal(text, readFileSync(file, 'utf8'), `the messages of ${name}.txt`);
}

t.test('durations and sizes', async (t) => {
  for (const [text, wanted] of [
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['0s', 0],
    ['24d', 2_073_600_000],
    ['25d', undefined],
    ['90', undefined],
    ['s', undefined],
    ['30m1h', undefined],
    ['1m1m', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
  ] as const)
    t.equal(parseDurationMs(text), wanted, text);
  for (const [text, wanted] of [
    ['256M', 2 ** 28],
    ['256MiB', 2 ** 28],
    ['1.5G', 1.5 * 2 ** 30],
    ['100B', 100],
    ['100', undefined],
    ['1.3B', undefined],
    ['9999999999T', undefined],
  ] as const)
    t.equal(parseSizeBytes(text), wanted, text);
});

t.test('a file that is no YAML is refused with the place', async (t) => {
  const cases: readonly (readonly [name: string, content: string | Uint8Array])[] = [
    ['duplicate key', 'boards:\n  a: 1\n  a: 2\n'],
    ['tab', 'boards:\n\ta: 1\n'],
    ['nested too compactly', 'boards: a: b\n'],
    ['open quote', 'boards: "a\n'],
    ['unknown tag', 'boards: !ruby/object {}\n'],
    ['two documents', 'a: 1\n---\nb: 2\n'],
    ['empty', ''],
    ['only a comment', '# nothing\n'],
    ['not UTF-8', Buffer.from('boards:\n  a: \xff\xfe\n', 'latin1')],
    ['unknown alias', 'boards: *nowhere\n'],
    ['alias in its own anchor', 'boards: &a\n  b: *a\n'],
    ['deep flow', `boards: ${'['.repeat(20_000)}\n`],
    ['deep block', `boards:\n  ${'- '.repeat(20_000)}a\n`],
    ['too large', `# ${'x'.repeat(300_000)}\nboards: {}\n`],
    [
      'alias bomb',
      `a: &a [x, x, x, x, x, x, x, x, x]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h']
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`).join(', ')}]`)
        .join('\n')}\n`,
    ],
  ];
  const found: Record<string, string> = {};
  for (const [name, content] of cases)
    found[name] = await said(() => parseYaml(Buffer.from(content as string), 'lab.yaml'));
  sameMessages(t, 'not-yaml', found);
  t.match(parseYaml(Buffer.from('on: 1\noff: no\n'), 'lab.yaml').data, { on: 1, off: 'no' }, 'YAML 1.2');
});

t.test('a board of one’s own: kernel and initrd beside its file', async (t) => {
  const cwd = folder(t, {
    'bench/mine.yaml': mine,
    'bench/Image': 'k',
    'bench/initrd.gz': 'i',
    'lab.yaml': 'boards:\n  mine:\n    type: bench/mine.yaml\n    labels: [desk]\n',
  });
  const lab = await load(cwd);
  const board = findBoard(lab, 'mine');
  t.match(board, {
    name: 'mine',
    from: 'lab',
    labels: ['desk'],
    drivers: {},
    type: {
      name: 'mine',
      arch: 'arm64',
      profile: 'bare',
      flash: 'none',
      capabilities: ['power', 'console'],
      signatures: { prompt: { literal: '~ # ' } },
      machine: {
        memoryMiB: 256,
        cpus: 1,
        forward: [],
        boot: {
          kind: 'kernel',
          kernel: join(cwd, 'bench/Image'),
          initrd: join(cwd, 'bench/initrd.gz'),
          append: 'console=ttyAMA0',
        },
      },
      budgetsMs: { shell: 180_000 },
    },
    profile: { name: 'bare', ssh: { port: 22 } },
  });
  t.same(
    findBoards(lab, ['desk', 'mine']).map(({ name }) => name),
    ['mine'],
    'a label, and each board once',
  );
  const elsewhere = await load(tmpdir(), { file: join(cwd, 'lab.yaml') });
  t.same(elsewhere.boards.at(-1), board, 'paths count from the file, not from here');
});

t.test('all problems of a lab are told together', async (t) => {
  const cwd = folder(t, {
    'mine.yaml': mine,
    'broken.yaml': mine
      .replace('kernel: ./Image', 'kernel: ./Imgae')
      .replace('cpu: cortex-a53', 'cpu: 53\n  memory: 256')
      .replace(
        "{ literal: '~ # ' }",
        () => "{ regexp: '(a+)+$' }\n  login: { regexp: '(' }\n  promt: x\n  init: { text: x }",
      ),
    'lab.yaml': `boards:
  Desk:
    type: ./mine.yaml
  a:
    type: toaster
    label: [x]
  b:
    type: ./broken.yaml
  c:
    type: ./nowhere.yaml
    labels: [d]
    drivers:
      power: { driver: power-comand, on: [a] }
      console: { driver: power-command, on: true, off: [1], timeout: 10, colour: red }
      pover: { driver: x }
  d:
    type: ./mine.yaml
    drivers:
      console: { driver: console-serial, path: /dev/ttyUSB0, baud: fast }
  e:
    type: ./mine.yaml
    ssh: { port: 70000 }
    drivers:
      console: { driver: console-tcp, address: lab-server }
      power:
  f:
boord: 1
`,
  });
  sameMessages(t, 'all-at-once', { everything: (await said(load(cwd))).replaceAll(cwd, 'CWD') });
});

t.test('one problem each', async (t) => {
  const cwd = folder(t, {
    'mine.yaml': mine,
    'hw.yaml': mine.replace(/machine:[\s\S]*?signatures/, 'signatures'),
  });
  const cases: Readonly<Record<string, string>> = {
    'unknown driver': 'boards: { a: { type: ./mine.yaml, drivers: { console: { driver: console-tpc } } } }',
    'explosive pattern': 'boards: { a: { type: ./explosive.yaml } }',
    'missing kernel': 'boards: { a: { type: ./no-kernel.yaml } }',
    'missing secret': `boards: { a: { type: ./mine.yaml, ssh: { host: '${fromEnv('BOARD')}' } } }`,
    'mistyped secret': `boards: { a: { type: ./mine.yaml, ssh: { host: '${fromEnv('BOARD', 'ENV')}' } } }`,
    'no drivers': 'boards: { a: { type: ./hw.yaml } }',
    'same port':
      'boards:\n  a: &a { type: ./mine.yaml, drivers: { console: { driver: console-tcp, address: "Lab:4001" } } }\n  b: { type: ./mine.yaml, drivers: { console: { driver: console-tcp, address: "lab:4001" } } }',
    'same switch':
      'boards:\n  a: &a\n    type: ./mine.yaml\n    drivers: { power: { driver: power-command, on: [pdu, on], off: [pdu, off] } }\n  b: *a\n',
    'label is a board': 'boards: { a: { type: ./mine.yaml, labels: [b] }, b: { type: ./mine.yaml } }',
    'a list': '- a\n- b\n',
    'unknown profile': 'boards: { a: { type: ./profile.yaml } }',
    prototype: 'boards: { a: { type: ./mine.yaml, drivers: { power: { driver: constructor } } } }',
  };
  writeFileSync(
    join(cwd, 'explosive.yaml'),
    mine.replace("literal: '~ # '", () => "regexp: '^(\\w+\\s?)*$'"),
  );
  writeFileSync(join(cwd, 'no-kernel.yaml'), mine.replace('./Image', './Imgae'));
  writeFileSync(join(cwd, 'profile.yaml'), `${mine}profile: nowhere\n`);
  const found: Record<string, string> = {};
  for (const [name, content] of Object.entries(cases)) {
    writeFileSync(join(cwd, 'lab.yaml'), content);
    found[name] = (await said(load(cwd))).replaceAll(cwd, 'CWD');
  }
  rmSync(join(cwd, 'lab.yaml'));
  found['no such lab'] = await said(load(cwd, { file: 'lab.yml' }));
  found['a folder'] = (await said(load(cwd, { file: '.' }))).replaceAll(cwd, 'CWD');
  sameMessages(t, 'one-each', found);
});

t.test('secrets come from the environment and are printed nowhere', async (t) => {
  const cwd = folder(t, {
    'mine.yaml': mine.replace(
      'signatures:',
      `login: { user: root, password: '${fromEnv('PASSWORD')}' }\nsignatures:`,
    ),
    'lab.yaml': `boards:
  a:
    type: ./mine.yaml
    drivers:
      power: { driver: power-command, on: [pdu, 'x\${env:TOKEN}y', '$\${env:TOKEN}', '\${devtype}'], off: [pdu] }
`,
  });
  const env = { TOKEN: 'hunter2', PASSWORD: 'correct horse' };
  const lab = await load(cwd, { env });
  const board = findBoard(lab, 'a');
  t.same(board.drivers.power?.options.on, ['pdu', 'xhunter2y', fromEnv('TOKEN'), `\${devtype}`]);
  t.equal(board.type.login?.password, 'correct horse');
  t.same([...lab.secrets].sort(), ['correct horse', 'hunter2']);
  t.equal(maskSecrets('xhunter2y', lab.secrets), 'x***y');
  writeFileSync(
    join(cwd, 'lab.yaml'),
    `boards: { a: { type: ./mine.yaml, ssh: { port: '${fromEnv('TOKEN')}' }, drivers: { console: { driver: console-tcp, address: '${fromEnv('TOKEN')}' } } } }`,
  );
  const message = await said(load(cwd, { env }));
  t.notMatch(message, 'hunter2', 'not even in the message about itself');
  t.match(message, fromEnv('TOKEN'));
});

t.test('boards are found by name and label', async (t) => {
  const cwd = folder(t, {
    'mine.yaml': mine,
    'lab.yaml':
      'boards: { desk-1: { type: ./mine.yaml, labels: [desk] }, desk-2: { type: ./mine.yaml, labels: [desk] } }',
  });
  const lab = await load(cwd);
  t.same(
    findBoards(lab, ['desk-2', 'desk']).map(({ name }) => name),
    ['desk-2', 'desk-1'],
  );
  t.match(await said(() => findBoards(lab, ['desk-3'])), 'config.unknown-board');
  t.match(
    await said(() => findBoards(lab, ['dsek-12'])),
    '(did you mean "desk-1"?)',
    'two slips in seven letters',
  );
  t.notMatch(await said(() => findBoards(lab, ['rack'])), 'did you mean', 'no guess without likeness');
  t.match(await said(() => findBoards(lab, ['desk-3'])), '(did you mean "desk-1"?)');
});

t.test('the built-in boards need no lab file, and every one of their files is right', async (t) => {
  const cwd = folder(t, {});
  const lab = await load(cwd);
  t.equal(lab.file, undefined);
  t.same(
    lab.boards.map(({ name }) => name),
    builtInTypes().filter((name) => !/^(artik|beagle|hummi|intel|odroid|paral|ts-|via|zc702)/.test(name)),
  );
  for (const board of lab.boards) {
    const problems = new Problems();
    t.ok(await loadBoardType(board.name, cwd, { cwd, env: {}, problems }), board.name);
    t.equal(board.from, 'built-in');
  }
  t.same(findBoards(lab, ['virtual']).length, lab.boards.length, 'the label of all of them');
  writeFileSync(join(cwd, 'mine.yaml'), mine);
  writeFileSync(join(cwd, 'lab.yaml'), 'boards: { virt-arm64: { type: ./mine.yaml } }');
  const own = await load(cwd);
  t.equal(findBoard(own, 'virt-arm64').type.name, 'mine', 'the lab file wins');
  t.same(own.notes, ['lab.yaml replaces the built-in board virt-arm64.']);
});

t.test('the JSON Schema says what the code says', async (t) => {
  const schema = labJsonSchema(await Promise.all(Object.values(drivers).map((open) => open())));
  const good = {
    boards: {
      a: {
        type: './mine.yaml',
        labels: ['x'],
        drivers: {
          power: { driver: 'power-command', on: ['a'], off: ['b'], timeout: '10s' },
          console: { driver: 'console-tcp', address: 'lab:4001' },
        },
      },
    },
  };
  t.same(violations(schema, good), []);
  const bad = structuredClone(good) as { boards: { a: Record<string, unknown> } };
  bad.boards.a.drivers = {
    power: { driver: 'power-command', on: ['a'] },
    console: { driver: 'console-tpc' },
  };
  bad.boards.a.colour = 'red';
  t.same(
    violations(schema, bad).map((line) => line.split(':')[0]),
    ['boards.a.drivers.power', 'boards.a.drivers.console', 'boards.a.colour'],
  );
});

t.test(
  'the JSON Schema of a matrix takes the one of the documents, and refuses what the reader refuses',
  (t) => {
    const schema = matrixJsonSchema();
    const text = readFileSync(join(packageRoot, 'docs/run-the-nightly.md'), 'utf8');
    const [, example = ''] = /```yaml matrix\.yaml\n([\s\S]*?)```/.exec(text) ?? [];
    const good = parseYaml(Buffer.from(example), 'matrix.yaml').data as Record<string, unknown>;
    t.same(violations(schema, good), []);
    const bad = {
      ...good,
      retries: 6,
      matrix: { boards: [], suites: ['boot'], tier: 'daily' },
      colour: 'red',
    };
    t.same(
      violations(schema, bad)
        .map((line) => line.split(':')[0])
        .sort(),
      ['colour', 'matrix.boards', 'matrix.tier', 'retries'],
    );
    t.end();
  },
);

t.test('the examples of the documents are right', async (t) => {
  const schema = labJsonSchema(await Promise.all(Object.values(allDrivers).map((open) => open())));
  for (const name of ['lab-file.md', 'add-a-board.md', 'wire-a-board.md']) {
    const text = readFileSync(join(packageRoot, 'docs', name), 'utf8');
    const blocks = [...text.matchAll(/```yaml (\S+)\n([\s\S]*?)```/g)].map(
      ([, file = '', content = '']) => [file, content] as const,
    );
    t.ok(blocks.length > 0, `${name} has examples`);
    const cwd = folder(t, Object.fromEntries(blocks));
    const lab = await load(cwd, { env: { PDU_PASSWORD: 'secret' }, drivers: allDrivers });
    t.ok(
      lab.boards.some((board) => board.from === 'lab'),
      `${name} adds a board`,
    );
    for (const [file, content] of blocks.filter(([file]) => file === 'lab.yaml'))
      t.same(
        violations(schema, parseYaml(Buffer.from(content), file).data),
        [],
        `${name}: the schema agrees`,
      );
  }
});
