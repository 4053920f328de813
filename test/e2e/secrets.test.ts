// test: light
/** What a lab file takes from the environment appears nowhere, whoever says it: the board, a driver, a suite, an error. */
import { cpSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import tap from 'tap';
import { packageRoot } from '../../rig/config/package.js';
import { allFiles, World } from './world.js';

tap.setTimeout(120_000);

const secret = 'S3cret/p&ss "w0rd';
const forms = [
  secret,
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
  secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
];

/** A board that says the first half of the password at one line, and the rest at the next. */
function blurtingBoard(path: string): Promise<AsyncDisposable> {
  const half = Math.floor(secret.length / 2);
  const server = createServer((line) => {
    line.on('error', () => line.destroy());
    line.on('data', (chunk) => {
      if (chunk.includes('tell')) line.write(`it is ${secret.slice(0, half)}`);
      if (chunk.includes('go on'))
        line.write(`${secret.slice(half)}, or ${encodeURIComponent(secret)}\r\nready> `);
    });
  });
  return new Promise((resolve) => {
    server.listen(path, () =>
      resolve({
        [Symbol.asyncDispose]: async () => {
          await new Promise((closed) => server.close(closed));
        },
      }),
    );
  });
}

tap.test('a secret of the lab file appears in no output and no file', async (t) => {
  using world = new World();
  cpSync(join(packageRoot, 'test', 'e2e', 'fixtures'), world.cwd, { recursive: true });
  await using _board = await blurtingBoard(join(world.cwd, 'desk.sock'));
  const ended = await world.rig(
    ['--debug', 'run', './secrets.js', '--lab', 'secrets-lab.yaml', '--board', 'desk-1'],
    { env: { DESK_PASSWORD: secret } },
  );
  rmSync(join(world.cwd, 'desk.sock'), { force: true });
  const output = ended.stdout + ended.stderr;
  t.equal(ended.code, 1, output);
  t.match(output, /is told the password/);
  t.match(output, /\*{17} is wrong/, 'the suite said it');
  t.match(output, /\*{17} was refused/, 'the driver said it');

  const files = [...allFiles(world.root)];
  const consoles = files.filter(([path]) => path.endsWith('.raw'));
  t.equal(consoles.length, 2, "the run's console log and the session's");
  for (const [path, bytes] of consoles)
    t.match(bytes.toString('latin1'), /it is .*\*{9}, or \*{20}/, `${path}: the board said it`);
  for (const form of forms) {
    t.notOk(output.includes(form), `not in the output: ${output}`);
    const found = files.filter(([, bytes]) => bytes.includes(form)).map(([path]) => path);
    t.same(found, [], `in no file: ${form}`);
  }
});
