// test: light
/** Commands in the documentation are ones that `rig` takes: words, arguments and options. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type CommandEntry, grammar } from '../rig/cli/grammar.js';
import { programOf } from '../rig/cli/program.js';
import { packageRoot } from '../rig/config/package.js';

const pages = [
  'README.md',
  ...readdirSync(join(packageRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** What a shell makes of a line: words, with a comment left out. */
function wordsOf(line: string): string[] {
  const [code = ''] = line.split(/\s#\s/, 1);
  return [...code.matchAll(/'([^']*)'|"([^"]*)"|\S+/g)].map(
    ([whole, single, double]) => single ?? double ?? whole,
  );
}

/** Lines of fenced blocks that call `rig`. */
function commandsIn(page: string): string[] {
  const text = readFileSync(join(packageRoot, page), 'utf8');
  const blocks = [...text.matchAll(/^```(?:sh|console|)\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) => block.split('\n').filter((line) => /^rig /.test(line)));
}

/** The entry that a line ends in. @throws what is wrong with it */
async function entryOf(line: string): Promise<CommandEntry | undefined> {
  let found: CommandEntry | undefined;
  const program = programOf(grammar, async (entry) => {
    found = entry;
  });
  const all = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of [program, ...all]) command.configureOutput({ writeErr: () => {} });
  const words = wordsOf(line).slice(1);
  const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  await program.parseAsync(own, { from: 'user' });
  return found;
}

t.test('every command of the documentation is understood', async (t) => {
  const lines = pages.flatMap((page) => commandsIn(page).map((line) => ({ page, line })));
  t.ok(lines.length > 60, `${lines.length} commands`);
  for (const { page, line } of lines)
    await t.resolves(
      entryOf(line).then((entry) => t.ok(entry, `${page}: ${line}`)),
      `${page}: ${line}`,
    );
});

t.test('a command that the rig does not have is noticed', async (t) => {
  await t.rejects(entryOf('rig image bundel --image-version 1.1.0'), { code: /^commander\./ });
  await t.rejects(entryOf('rig image bundle --version-of-image 1.1.0'), { code: 'commander.unknownOption' });
  t.equal((await entryOf("rig powercut b --command 'a # b' # why"))?.usage, 'powercut <board>');
});
