// test: light
/** What a person gives wrong, and what the machine refuses: one message each, and nothing half-started. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import tap, { type Test } from 'tap';
import { badInputs } from './bad-inputs.js';
import { type Ended, World } from './world.js';

tap.setTimeout(300_000);

const good = `import { suite } from 'boardrig';
export default suite('good', { summary: 'never to run here' }, (test) => {
  test('one', { from: 'any' }, async (t) => { t.pass('ran'); });
});
`;

/** One message: a line that says what, at least one that says what to try, and nothing else of the rig's. */
function assertOneMessage(t: Test, ended: Ended, says: readonly string[]): void {
  t.equal(ended.stdout, '', 'nothing on standard output');
  t.equal(ended.stderr.match(/^(?:rig|error): /gm)?.length, 1, `one message:\n${ended.stderr}`);
  for (const part of says) t.ok(ended.stderr.includes(part), `says ${part}:\n${ended.stderr}`);
  t.match(ended.stderr, /^(?: {5}|\()\S.*$/m, 'says what to try');
  t.notMatch(ended.stderr, /^\s+at /m, 'no stack trace');
  t.notMatch(ended.stderr, /defect of boardrig/, 'no surprise');
}

tap.test('bad input is refused with one message, and nothing is started', async (t) => {
  using world = new World();
  for (const { name, files = {}, args, env = {}, says } of badInputs) {
    world.write({ 'good.ts': good, ...files });
    const ended = await world.rig(args, { env });
    await t.test(name, async (t) => {
      t.equal(ended.code, 2, 'exit code');
      assertOneMessage(t, ended, says);
      t.same(world.runs, [], 'no run folder');
      t.same(world.processes(), [], 'no process');
    });
    rmSync(world.cwd, { recursive: true });
    mkdirSync(world.cwd);
  }
});

tap.test('an image of another architecture is refused, also without its manifest', async (t) => {
  using world = new World();
  const built = await world.rig(['image', 'build', 'tiny', '--arch', 'amd64', '--json']);
  t.equal(built.code, 0, built.stderr);
  const { path } = JSON.parse(built.stdout) as { path: string };
  world.write({ 'good.ts': good });
  symlinkSync(path, join(world.cwd, 'alone.img'));
  const ended = await world.rig(['run', 'good.ts', '--board', 'virt-arm64', '--image', 'alone.img']);
  t.equal(ended.code, 2);
  assertOneMessage(t, ended, [
    'alone.img is for amd64, but board virt-arm64 (virt-arm64) is arm64',
    '--image',
  ]);
  t.same(world.runs, [], 'no run folder');
});

tap.test('--debug adds the stack trace', async (t) => {
  using world = new World();
  const ended = await world.rig(['--debug', 'run', 'gone']);
  t.equal(ended.code, 2);
  t.match(ended.stderr, /^\s+at .*suite-loader/m);
});

/** A PATH with every program of this machine but those. */
function pathWithout(world: World, missing: RegExp): string {
  const folder = join(world.root, 'bin');
  mkdirSync(folder);
  // npm puts folders on PATH that need not be there.
  for (const from of (process.env.PATH ?? '').split(delimiter).filter((path) => existsSync(path)))
    for (const name of readdirSync(from))
      if (!missing.test(name)) {
        try {
          symlinkSync(join(from, name), join(folder, name));
        } catch {
          // An earlier folder of PATH has it too.
        }
      }
  return folder;
}

tap.test('without QEMU a run ends with exit code 3 and says what to install', async (t) => {
  using world = new World();
  world.write({ 'good.ts': good });
  const PATH = pathWithout(world, /^qemu-system/);
  const ended = await world.rig(['run', 'good.ts', '--board', 'virt-arm64'], { env: { PATH } });
  t.equal(ended.code, 3);
  t.match(ended.stdout, /the rig's fault: Cannot find qemu-system-aarch64, which plays the virtual boards\n/);
  t.match(ended.stdout, /try: Install it: apt-get install qemu-system-arm\n/);
  t.notMatch(ended.stdout + ended.stderr, /^\s+at /m);
  t.same(world.processes(), []);
});

/** Runs the command with a tmpfs in `place`; it needs a mount namespace of its own. */
function onTmpfs(place: string, options: string): readonly string[] {
  const script = `mount -t tmpfs -o ${options} tmpfs "$0" || exit 99; exec "$@"`;
  return ['unshare', '--mount', 'sh', '-c', script, place];
}

const mayMount = process.getuid?.() === 0;
const hostFaults = [
  {
    name: 'a cache that cannot be written',
    place: 'cache',
    options: 'ro',
    says: [/^rig: Cannot use the cache folder \S+: .*\n {5}Set XDG_CACHE_HOME/],
  },
  {
    name: 'runs/ that cannot be written',
    place: 'work/runs',
    options: 'ro',
    says: [/^rig: Cannot write the run folder \S+: .*\n {5}Check the folder/],
  },
  {
    name: 'a session folder that cannot be written',
    place: 'run',
    options: 'ro',
    says: [/the rig's fault: Cannot make the session folder of a board: .*\n {4}try: Set XDG_RUNTIME_DIR/],
  },
  {
    name: 'a full disk under runs/',
    place: 'work/runs',
    options: 'size=4k',
    says: [/the disk is full\n {5}Free some space or name another folder with --report/],
  },
  {
    name: 'a full disk under the board',
    place: 'run',
    options: 'size=128k,mode=700',
    says: [
      /the rig's fault: The disk of this host is full: \d+ bytes are free under \S+\n {4}try: Make room/,
    ],
  },
];

for (const { name, place, options, says } of hostFaults) {
  const skip = mayMount ? false : 'only root may mount a small file system';
  tap.test(`${name} ends a run with exit code 3`, { skip }, async (t) => {
    using world = new World();
    world.write({ 'good.ts': good });
    const folder = join(world.root, place);
    mkdirSync(folder, { recursive: true });
    const ended = await world.rig(['run', 'good.ts', '--board', 'virt-arm64'], {
      through: onTmpfs(folder, options),
      ...(place === 'cache' ? { env: { XDG_CACHE_HOME: folder } } : {}),
    });
    const said = ended.stderr.replace(/^(?!rig: | {5}).*\n/gm, '') + ended.stdout;
    t.equal(ended.code, 3, said);
    for (const text of says) t.match(said, text);
    t.notMatch(said, /^\s+at |defect of boardrig/m);
    t.same(world.processes(), []);
  });
}
