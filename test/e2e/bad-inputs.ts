/** One thing that a person can give wrong, and what the one message must say. */
export interface BadInput {
  readonly name: string;
  readonly args: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly says: readonly string[];
}

const onDesk = ['run', 'good.ts', '--board', 'desk'];
const onArm = ['run', 'good.ts', '--board', 'virt-arm64'];
const runs = (suite: string): readonly string[] => ['run', suite, '--board', 'virt-arm64'];

/** A lab file with one board `desk`; `lines` begin at line 3. */
function lab(...lines: string[]): Readonly<Record<string, string>> {
  return { 'lab.yaml': `boards:\n  desk:\n${lines.map((line) => `    ${line}\n`).join('')}` };
}

function boardFile(prompt: string): string {
  return `arch: arm64
machine: { model: virt, cpu: cortex-a53, boot: { kind: kernel, kernel: ./Image } }
signatures:
  prompt: { regexp: '${prompt}' }
`;
}

const suiteTop = "import { suite } from 'boardrig';\n";

const configuration: readonly BadInput[] = [
  {
    name: 'an unknown key',
    args: onDesk,
    files: lab('type: virt-arm64', 'lables: [x]'),
    says: ['lab.yaml:4:5: ', 'unknown key (did you mean "labels"?)', 'docs/lab-file.md'],
  },
  {
    name: 'YAML that is none',
    args: onDesk,
    files: { 'lab.yaml': 'boards:\n\tdesk: {}\n' },
    says: ['lab.yaml:2:1: ', 'a tab indents this line; use spaces'],
  },
  {
    name: 'an unknown board type',
    args: onDesk,
    files: lab('type: virt-arm46'),
    says: [
      'lab.yaml:3:11: ',
      'unknown board type "virt-arm46" (did you mean "virt-arm64"?)',
      'expected one of',
    ],
  },
  {
    name: 'an unknown driver',
    args: onDesk,
    files: lab('type: virt-arm64', 'drivers:', '  power: { driver: power-comand, on: [x], off: [y] }'),
    says: [
      'lab.yaml:5:24: ',
      'unknown driver "power-comand" (did you mean "power-command"?)',
      'expected one of',
    ],
  },
  {
    name: 'a number out of range',
    args: onDesk,
    files: lab('type: virt-arm64', 'ssh: { host: x, port: 99999 }'),
    says: ['lab.yaml:4:27: ', 'found the number 99999, expected at most 65535'],
  },
  {
    name: 'a duration that is none',
    args: onDesk,
    files: lab(
      'type: virt-arm64',
      'drivers:',
      '  console: { driver: console-tcp, address: "a:1", connectTimeout: soon }',
    ),
    says: ['lab.yaml:5:71: ', 'found "soon", expected a duration such as 90s, 10m or 1h30m'],
  },
  {
    name: 'a secret that is not set',
    args: onDesk,
    files: lab(
      'type: virt-arm64',
      'drivers:',
      `  console: { driver: console-tcp, address: 'a:1', connectTimeout: '\${env:PATIENCE}' }`,
    ),
    says: ['lab.yaml:5:71: ', 'needs the environment variable PATIENCE, which is not set'],
  },
  {
    name: 'an expression in a board file that can explode',
    args: onDesk,
    files: { ...lab('type: ./board.yaml'), 'board.yaml': boardFile('([a-z]+)*x'), Image: '' },
    says: [
      'board.yaml:4:21: signatures.prompt.regexp: found "([a-z]+)*x"',
      'cannot explode',
      'exponential time',
    ],
  },
  {
    name: 'a lab file that is not there',
    args: [...onArm, '--lab', 'gone.yaml'],
    says: ['rig: gone.yaml: Cannot read "gone.yaml": there is no such file'],
  },
];

const options: readonly BadInput[] = [
  {
    name: 'an unknown board',
    args: ['run', 'good.ts', '--board', 'virt-arm'],
    says: [
      'no board or label "virt-arm" (did you mean "virt-arm64"?); boards: ',
      ', virt-arm64, ',
      '`rig boards`',
    ],
  },
  {
    name: '--only that can explode',
    args: [...onArm, '--only', '(a+)+$'],
    says: ['Refuse the regular expression /(a+)+$/', 'exponential time'],
  },
  {
    name: '--only that is no expression',
    args: [...onArm, '--only', '('],
    says: ['--only "(" is not a regular expression: Invalid regular expression: /(/: Unterminated group'],
  },
  {
    name: 'nothing selected',
    args: [...onArm, '--only', 'two'],
    says: ['No test was selected: suites good, tier nightly, --only two', 'rig run --list'],
  },
  {
    name: '--jobs 0',
    args: [...onArm, '--jobs', '0'],
    says: ['--jobs takes a whole number from 1, not "0"', 'rig run --help'],
  },
  {
    name: '--retries 1.5',
    args: [...onArm, '--retries', '1.5'],
    says: ['--retries takes a whole number from 0, not "1.5"'],
  },
  {
    name: '--deadline 0s',
    args: [...onArm, '--deadline', '0s'],
    says: ['--deadline takes a time such as 90s, 10m or 1h30m, not "0s"'],
  },
  {
    name: '--keep-limit 2 gigabytes',
    args: [...onArm, '--keep-limit', '2 gigabytes'],
    says: ['--keep-limit takes a size such as 500M or 2G, not "2 gigabytes"'],
  },
  {
    name: '--snapshots of something else',
    args: [...onArm, '--snapshots', 'tests'],
    says: ['--snapshots takes "steps", not "tests"'],
  },
  {
    name: 'steps of failures that are not kept',
    args: [...onArm, '--snapshots', 'steps', '--no-keep-on-failure'],
    says: ['--snapshots steps keeps the steps of failures: it cannot go with --no-keep-on-failure'],
  },
  {
    name: 'a run to resume that is not there',
    args: ['resume', 'latest'],
    says: ['Cannot find a run called "latest"', 'rig run makes one in ./runs'],
  },
  {
    name: 'a pack to resume that is none',
    args: ['resume', 'good.ts'],
    says: ['The pack is damaged: ', 'made by rig pack?'],
  },
  {
    name: 'an option that there is not',
    args: [...onArm, '--retry', '1'],
    says: ["unknown option '--retry'", '--retries?'],
  },
  {
    name: 'a missing image',
    args: [...onArm, '--image', 'gone.img'],
    says: ['Cannot find image "gone.img": there is no file ', 'tiny'],
  },
  {
    name: 'an image that is packed',
    args: [...onArm, '--image', 'os.img.gz'],
    files: { 'os.img.gz': '\x1f\x8b'.padEnd(1024, '\0') },
    says: ['Image os.img.gz is no raw disk image: ', 'rig image inspect'],
  },
  {
    name: 'an image that is no image',
    args: [...onArm, '--image', 'good.ts'],
    says: ['Image good.ts is no raw disk image: its ', ' no whole number of sectors'],
  },
];

const suites: readonly BadInput[] = [
  {
    name: 'an unknown suite',
    args: runs('boto'),
    says: [
      'Cannot find suite "boto"',
      'boot, config, engine, flashing, logging, networking, resilience, rollback, storage, variants',
    ],
  },
  {
    name: 'a suite that throws when it is loaded',
    args: runs('throws.ts'),
    files: { 'throws.ts': `${suiteTop}\ninterface Port { n: number }\n\nthrow new Error('no adapter');\n` },
    says: ['throws.ts:5:7: Cannot load suite ', 'throws.ts: no adapter', 'line 5'],
  },
  {
    name: 'a suite with a syntax error in TypeScript',
    args: runs('syntax.ts'),
    files: { 'syntax.ts': `${suiteTop}const a: number = (1;\n` },
    says: ['syntax.ts:2:21: Cannot load suite ', 'Expected ")" but found ";"'],
  },
  {
    name: 'a suite with a syntax error in JavaScript',
    args: runs('syntax.mjs'),
    files: { 'syntax.mjs': `${suiteTop}const a = (1;\n` },
    says: ['syntax.mjs:2:13: Cannot load suite '],
  },
  {
    name: 'a suite that imports what is not there',
    args: runs('imports.ts'),
    files: { 'imports.ts': `${suiteTop}import { far } from './far.js';\nsuite(far);\n` },
    says: ['imports.ts: Cannot load suite ', "Cannot find module '", 'far.ts', 'Correct the path'],
  },
  {
    name: 'a file that is no suite',
    args: runs('plain.js'),
    files: { 'plain.js': 'export default { tests: 3 };\n' },
    says: [
      'plain.js: ',
      'is not a suite: its default export is not what suite() returns',
      'export default suite(',
    ],
  },
  {
    name: 'a suite with an option that there is not',
    args: runs('option.js'),
    files: {
      'option.js': `${suiteTop}export default suite('o', { summary: 's' }, (test) => {
  test('one', { form: 'shell' }, () => {});
});
`,
    },
    says: ['option.js:3:3: ', 'test "one": unknown option "form", expected from, dirties, '],
  },
  {
    name: 'a suite that ends the process',
    args: runs('exits.ts'),
    files: { 'exits.ts': `${suiteTop}process.exit(0);\n` },
    says: ['exits.ts:2:9: ', 'A suite called process.exit(0)'],
  },
];

export const badInputs: readonly BadInput[] = [...configuration, ...options, ...suites];
