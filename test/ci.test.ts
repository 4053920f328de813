// test: light
// What CI sees: the Jenkinsfile as a Groovy parser reads it, its commands as a shell gives them; GitHub's annotations and summary.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Language, type Node, Parser } from 'web-tree-sitter';
import { parse } from 'yaml';
import { githubAnnotations } from '../reports/github/annotations.js';
import { digestOfNight, digestOfRun } from '../reports/github/digest.js';
import { markdownSummary } from '../reports/github/summary.js';
import { grammar } from '../rig/cli/grammar.js';
import { packageRoot } from '../rig/config/package.js';
import { readRun } from '../rig/record/reader.js';
import { World } from './e2e/world.js';
import { hostile, toldNight } from './night/told.js';
import { hostileRun } from './report/scenarios.js';

const dir = mkdtempSync(join(tmpdir(), 'ci-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
t.setTimeout(120_000);

await Parser.init();
const parser = new Parser();
parser.setLanguage(
  await Language.load(createRequire(import.meta.url).resolve('tree-sitter-groovy/tree-sitter-groovy.wasm')),
);
const file = readFileSync(join(packageRoot, 'Jenkinsfile'), 'utf8');

function treeOf(text: string): Node {
  const root = parser.parse(text)?.rootNode;
  if (!root) throw new Error('the parser gave nothing');
  return root;
}

function nodesOf(node: Node): Node[] {
  return [node, ...node.children.flatMap((child) => (child ? nodesOf(child) : []))];
}

/** What stands in `name { … }`, at any depth. */
function blocksOf(node: Node, name: string): Node[] {
  return nodesOf(node).filter(
    (one) => one.type === 'method_invocation' && one.childForFieldName('name')?.text === name,
  );
}

t.test('the Jenkinsfile is Groovy, and a slip in it would show', async (t) => {
  t.notOk(treeOf(file).hasError);
  for (const [from, to] of [
    ["triggeredBy 'TimerTrigger'", "triggeredBy 'TimerTrigger"],
    ['steps {', 'steps'],
    ['          }\n        }\n      }\n    }\n  }\n}', ''],
  ] as const) {
    t.ok(file.includes(from), from);
    t.ok(treeOf(file.replace(from, to)).hasError, `${from} → ${to}`);
  }
});

t.test('results are kept whatever happens, and boards are locked', async (t) => {
  const stages = blocksOf(treeOf(file), 'always').map(({ text }) => text);
  t.equal(stages.length, 2, 'of the check, and of the night');
  for (const text of stages) {
    t.match(text, /junit testResults: /);
    t.match(text, /archiveArtifacts artifacts: /);
  }
  const [matrix] = blocksOf(treeOf(file), 'matrix');
  t.match(matrix?.text, /lock\(resource: "boardrig-\$\{BOARDS\}"\)/);
  t.match(matrix?.text, /values 'virtual', 'desk'/);
});

/** The words that each command of a step gets from a shell. */
function wordsOf(script: string, env: Readonly<Record<string, string>>): string[] {
  const stub = `#!/bin/sh\necho "\${0##*/}" "$#" "$@"\n`;
  for (const name of ['npm', 'npx']) writeFileSync(join(dir, name), stub, { mode: 0o755 });
  const said = execFileSync('/bin/sh', ['-euc', script], {
    env: { PATH: `${dir}:/usr/bin:/bin`, ...env },
    encoding: 'utf8',
  });
  return said.trimEnd().split('\n');
}

t.test(
  'every step is an npm or a rig command that exists, with the parameters as words of their own',
  async (t) => {
    const steps = [...file.matchAll(/^\s+sh '(.*)'$/gm)].map(([, script = '']) => script);
    t.equal(steps.length, file.split(/\bsh\b/).length - 1, 'no other step runs a shell');
    const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
      scripts: object;
    };
    const none = {
      BOARDS: 'virtual',
      BUILD_NUMBER: '7',
      BOARD: '',
      MATRIX: '',
      IMAGE: '',
      SUITES: '',
      TESTS: '',
      FULL_SUFFIX: '',
    };
    const all = {
      ...none,
      BOARD: 'my board',
      MATRIX: 'a b.yaml',
      IMAGE: 'dev',
      SUITES: 'boot networking',
      FULL_SUFFIX: ':full',
      TESTS: 'console ssh',
    };
    for (const env of [none, all])
      for (const script of steps)
        for (const line of wordsOf(script, env)) {
          const [program, , first = '', second = ''] = line.split(' ');
          if (program === 'npm') t.ok(first === 'run' && second in scripts, line);
          else
            t.ok(
              program === 'npx' &&
                first === 'rig' &&
                grammar.some(({ usage }) => usage.split(' ')[0] === second),
              line,
            );
        }
    const night = (env: Record<string, string>): string =>
      steps.flatMap((script) => wordsOf(script, env)).at(-1) ?? '';
    t.equal(night(none), 'npx 6 rig nightly --board virtual --report test-results/night-7');
    t.equal(
      night(all),
      'npx 14 rig nightly --board my board --matrix a b.yaml --image dev --suite boot --suite networking --report test-results/night-7',
    );
    const declared = [...file.matchAll(/name: '([A-Z]+)'/g)].map(([, name]) => name);
    for (const name of ['BOARD', 'IMAGE', 'SUITES', 'MATRIX', 'TESTS']) t.ok(declared.includes(name), name);
    const options = grammar
      .find(({ usage }) => usage === 'nightly')
      ?.options?.map(([flags]) => flags.split(' ')[0]);
    for (const [option] of file.matchAll(/--(?:board|matrix|image|suite|report)\b/g))
      t.ok(options?.includes(option), option);
  },
);

t.test('GitHub: annotations end where they should, whatever a board said', async (t) => {
  const lines = githubAnnotations(digestOfNight(toldNight())).trimEnd().split('\n');
  t.match(lines, [
    /^::error title=New%3A raspi3\/networking\/reaches an HTTP server of the rig::the board's fault: Cannot match "login:" .*%0ATry: /,
    /^::warning title=New%3A sabrelite\/boot\//,
    /^::notice title=virt-arm64\/rollback\//,
  ]);
  t.equal(lines.length, 3);
  const evil = githubAnnotations(digestOfNight(toldNight('x\n::error::owned,a:b%0A\r')));
  t.equal(evil.trimEnd().split('\n').length, 3, 'a line break makes no command');
  t.notMatch(evil, /^::error::owned/m);
  const ran = githubAnnotations(digestOfRun(await readRun(await hostileRun(join(dir, 'runs')))));
  for (const line of ran.trimEnd().split('\n')) t.match(line, /^::(error|warning) /);
});

t.test('the summary in Markdown: what is new first, and nothing of a board is markup', async (t) => {
  const text = markdownSummary(digestOfNight(toldNight()));
  t.match(text, '## boardrig, night of 2026-03-10: Failed');
  t.match(text, '**2 new failures** · 88 passed');
  t.match(text, /^\| virt.*arm64 \| ✓ 6 passed \|/m);
  t.ok(text.indexOf('raspi3/networking') < text.indexOf('in quarantine'));
  const evil = markdownSummary(digestOfNight(toldNight(`${hostile} @team [x](http://evil) \`a\` | <b>`)));
  const outside = evil.replaceAll(/<pre>[^<]*<\/pre>/g, '');
  t.notMatch(outside, /[<>@`[\]]/, 'no tag, mention, code or link');
  t.equal(evil.split('<pre>').length, 4);
});

t.test('the example for GitHub Actions gives commands that exist', async (t) => {
  const page = readFileSync(join(packageRoot, 'docs/run-in-ci.md'), 'utf8');
  const [, example = ''] = /```yaml \.github.*?\n(.*?)```/s.exec(page) ?? [];
  const { jobs } = parse(example) as {
    jobs: Record<string, { steps: { run?: string; if?: string; uses?: string }[] }>;
  };
  t.same(Object.keys(jobs), ['check', 'night']);
  for (const { steps } of Object.values(jobs)) {
    for (const { run } of steps)
      if (run !== undefined) t.match(run, /^(npm (run [a-z]+|ci|test)|npx rig (nightly|doctor))/);
    t.match(steps.at(-1), { if: 'always()', uses: /upload-artifact/ }, 'results are kept whatever happens');
  }
});

t.test('a run on GitHub: commands are stopped while boards speak', async (t) => {
  using world = new World();
  const summary = join(world.root, 'step.md');
  world.write({
    'bench.yaml': readFileSync(join(packageRoot, 'test/e2e/fixtures/bench-board.yaml')),
    'lab.yaml': 'boards:\n  one: { type: ./bench.yaml }\n',
    's.ts': `import { suite } from 'boardrig';
export default suite('s', { summary: 's' }, (test) => { test('fails', { from: 'any' }, (t) => { t.ok(false, 'no\\n::error::owned'); }); });\n`,
  });
  const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary };
  const { code, stdout, stderr } = await world.rig(['run', './s.ts', '--summary', 'own.md'], { env });
  t.equal(code, 1, stderr);
  const lines = stdout.split('\n');
  const [, token = '?'] = /^::stop-commands::([0-9a-f-]{36})$/.exec(lines[0] ?? '') ?? [];
  const resumed = lines.indexOf(`::${token}::`);
  t.ok(resumed > 0, 'and go on after it');
  t.same(lines.slice(resumed + 1).filter((line) => line.trimStart().startsWith('::')).length, 1);
  t.equal(readFileSync(summary, 'utf8'), readFileSync(join(world.cwd, 'own.md'), 'utf8'));
  t.match(readFileSync(summary, 'utf8'), 'one/s/fails');
});
