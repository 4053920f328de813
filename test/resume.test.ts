// test: vm, 10 minutes
/** A board that failed is entered where it failed, through the real command: again and again, at a step, on another machine. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { packageRoot } from '../rig/config/package.js';
import { findExecutable } from '../rig/lifetime/find-executable.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { type Ended, readEvents, World } from './e2e/world.js';
import { referenceImage } from './snapshots/guest.js';

tap.setTimeout(600_000);

const generousMs = 120_000;
const suiteFile = join(packageRoot, 'test', 'e2e', 'fixtures', 'enter.ts');
const reference = await referenceImage();
const failing = ['run', './enter.ts', '--board', 'virt-arm64'];

function newWorld(): World {
  const world = new World();
  cpSync(suiteFile, join(world.cwd, 'enter.ts'));
  return world;
}

/** The folder of a kept board: the first below `evidence/…/WHEN`. */
function keptBoard(run: string, when: string): string {
  const [test = ''] = readdirSync(join(run, 'evidence'));
  return join(run, 'evidence', test, when, 'virt-arm64');
}

function hashes(dir: string): string[] {
  return readdirSync(dir).map((name) => {
    const hash = createHash('sha256').update(readFileSync(join(dir, name)));
    return `${name} ${hash.digest('hex')}`;
  });
}

interface Resumed {
  readonly failedStep?: number | null;
  readonly step?: number;
  readonly test: string;
  readonly boards: readonly { readonly name: string; readonly note: string; readonly since?: string }[];
}

function resumed({ code, stdout, stderr }: Ended): Resumed {
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as Resumed;
}

/** What a command prints on the board that a resume brought back. */
async function ask(world: World, name: string, command: string, env = {}): Promise<string> {
  const { stdout, stderr } = await world.rig(['ssh', name, '--', command], { env });
  return `${stdout}${stderr}`.trim();
}

/** A session that was ended is gone a moment later. */
async function nothingRuns(world: World): Promise<void> {
  await pollUntil(() => world.processes().length === 0, {
    what: `${JSON.stringify(world.processes())} to end`,
    timeoutMs: generousMs,
  });
}

const world = newWorld();
tap.teardown(() => world[Symbol.dispose]());
/** A copy of an image of somebody's own, which the run names by its path. */
const image = join(world.cwd, 'own.img');
await runProgram('cp', ['--sparse=always', reference.path, image]);
const noCache = { XDG_CACHE_HOME: join(world.root, 'no-cache') };
let run = '';

tap.test('a failure is entered again and again, and the evidence stays', async (t) => {
  const failed = await world.rig([...failing, '--image', image, '--snapshots', 'steps']);
  run = world.runs[0] ?? '';
  t.equal(failed.code, 1, failed.stderr);
  const [, command = ''] = /enter: npx rig (.*)\n/.exec(failed.stdout) ?? [];
  t.equal(command, `resume runs/${run.split('/').at(-1)} 'virt-arm64/enter/reads the wrong word'`);
  const saved = readEvents(run).flatMap((event) => (event.type === 'snapshot' && event.dir ? [event] : []));
  t.same(
    saved.map(({ state }) => state),
    ['step 1', 'step 2', 'failure'],
  );
  const firstAsked = readEvents(run).findLast((event) => event.type === 'shell' && event.command === 'true');
  t.ok((saved.at(-1)?.seq ?? 0) < (firstAsked?.seq ?? 0), 'it is kept before anybody asks it for evidence');
  for (const { ms, dir } of saved) t.comment(`${dir?.split('/').slice(2, -1).join('/')}: ${ms} ms`);

  const before = hashes(keptBoard(run, 'frozen'));
  const words = ['resume', 'latest', 'wrong word', '--json'];
  const [one, two] = (await Promise.all([world.rig(words), world.rig(words)])).map(resumed);
  const [a = '', b = ''] = [one, two].map((each) => each?.boards[0]?.name);
  const short = run.slice(-6);
  t.same(
    [a, b].sort(),
    [`virt-arm64~${short}`, `virt-arm64~${short}-2`],
    'two at once have names of their own',
  );
  t.match(one, { test: 'virt-arm64/enter/reads the wrong word', failedStep: 2 });
  t.match(one?.boards[0]?.note, /told the time/);
  t.equal(await ask(world, a, 'cat /run/word /run/later /mnt/data/word'), 'wrong\nlater\nwrong');
  const guestMs = 1000 * Number(await ask(world, a, 'date +%s'));
  t.ok(Math.abs(guestMs - Date.now()) < 30_000, 'its clock is right');
  const random = 'head -c 16 /dev/urandom | md5sum';
  t.not(await ask(world, a, random), await ask(world, b, random));
  t.equal(await ask(world, a, 'echo mine > /run/word; echo mine > /mnt/data/word; sync'), '');
  t.equal(await ask(world, b, 'cat /run/word /mnt/data/word'), 'wrong\nwrong', 'each is a fork');
  t.same(hashes(keptBoard(run, 'frozen')), before);

  t.match((await world.rig(['boards'])).stdout, new RegExp(`^virt-arm64~${short} .*up by rig resume`, 'm'));
  t.match((await world.rig(['power', a, 'state'])).stdout, `${a}: on`);
  const console = world.start(['console', a]);
  t.equal((await console.ended).code, 0, 'its console opens');
  for (const name of [a, b]) t.equal((await world.rig(['down', name])).code, 0);
  t.match((await world.rig(['down', a])).stdout, /has no session/, 'nothing to end is no error');
  t.equal((await world.rig(['logs', a])).code, 0, 'its log is still there');
  await nothingRuns(world);
});

tap.test('a step is gone back to', async (t) => {
  const back = resumed(await world.rig(['resume', run, '--step', '2', '--json']));
  t.match(back, { step: 2 });
  const name = back.boards[0]?.name ?? '';
  t.equal(
    await ask(world, name, 'cat /run/word; ls /run/later 2>/dev/null'),
    'wrong',
    'what came later is not there',
  );
  t.match(await world.rig(['resume', run, '--step', '7']), { code: 2, stderr: /There is --step 1, 2\./ });
  await world.rig(['down', name]);
});

tap.test('another machine has the pack alone', async (t) => {
  const packed = await world.rig(['pack', 'latest', '-o', 'failure.tar.zst']);
  t.equal(packed.code, 0, packed.stderr);
  t.match(packed.stdout, /3 kept boards, 1 image/);
  t.match(packed.stderr, /passwords and keys too/);
  using other = new World();
  const env = { XDG_CACHE_HOME: join(other.root, 'cache') };
  renameSync(join(world.cwd, 'failure.tar.zst'), join(other.cwd, 'failure.tar.zst'));
  renameSync(join(world.cwd, 'runs'), join(world.cwd, 'runs.away'));
  renameSync(image, `${image}.away`);
  try {
    const there = resumed(await other.rig(['resume', 'failure.tar.zst', '--json'], { env }));
    const name = there.boards[0]?.name ?? '';
    t.equal(await ask(other, name, 'cat /run/word /mnt/data/word', env), 'wrong\nwrong');
    t.equal((await other.rig(['power', name, 'cycle'], { env })).code, 0, 'its medium is whole');
    await other.rig(['down', name], { env });
    const files = readdirSync(join(env.XDG_CACHE_HOME, 'boardrig', 'packs'), { recursive: true }) as string[];
    t.same(
      files.filter((file) => /key|id_ed25519/.test(file)),
      [],
      'no private key goes with it',
    );
    await nothingRuns(other);
  } finally {
    renameSync(join(world.cwd, 'runs.away'), join(world.cwd, 'runs'));
  }
});

tap.test('what keeps a board from coming back is told, and leaves nothing', async (t) => {
  const resume = (words: readonly string[] = [], env = {}) => world.rig(['resume', run, ...words], { env });
  const gone = await resume([], noCache);
  t.match(gone, { code: 2, stderr: /Cannot find the image .*own.img is not there/ });
  t.match(gone.stderr, reference.sha256);
  t.match(await resume(['--image', suiteFile], noCache), { code: 2, stderr: /enter.ts is not the image/ });

  const kept = keptBoard(run, 'frozen');
  /** The kept board with one file changed. */
  const changed = async (name: string, change: (bytes: Buffer) => Buffer): Promise<Ended> => {
    const path = join(kept, name);
    const bytes = readFileSync(path);
    chmodSync(path, 0o600);
    writeFileSync(path, change(Buffer.from(bytes)));
    try {
      return await resume(['--image', `${image}.away`]);
    } finally {
      writeFileSync(path, bytes);
    }
  };
  const flipped = await changed('machine.zst', (bytes) => {
    bytes[bytes.length - 100_000] = (bytes.at(-100_000) ?? 0) ^ 1;
    return bytes;
  });
  t.match(flipped, { code: 3, stderr: /machine.zst was changed[\s\S]*Run the test again/ });
  const otherQemu = await changed('snapshot.json', (bytes) =>
    Buffer.from(bytes.toString().replace(/("QEMU version": ")[^"]*/, '$18.2.0')),
  );
  t.match(otherQemu, { code: 3, stderr: /QEMU version was "8.2.0" and is "\d[\s\S]*same QEMU/ });
  t.match(await changed('snapshot.json', (bytes) => bytes.subarray(0, 100)), {
    code: 3,
    stderr: /is damaged/,
  });
  renameSync(kept, `${kept}.away`);
  t.match(await resume(), { code: 2, stderr: /The kept board is gone/ });
  renameSync(`${kept}.away`, kept);
  await nothingRuns(world);
  t.notMatch((await world.rig(['boards'])).stdout, /rig resume/);
});

tap.test('without room the freeze is let go, and the verdict stands', async (t) => {
  const unshare = await runProgram('unshare', ['--map-root-user', '--mount', 'true'], {
    allowedCodes: [0, 1],
  });
  if (unshare.code !== 0) return t.comment('SKIPPED: this host gives no mount namespaces');
  using small = newWorld();
  mkdirSync(join(small.cwd, 'runs'));
  const script =
    'mount -t tmpfs -o size=6m none runs && "$@"; code=$?; find runs -name "*machine*"; exit $code';
  const through = ['unshare', '--map-root-user', '--mount', '/bin/sh', '-c', script, 'sh'];
  const failed = await small.rig([...failing, '--keep-on-failure'], { through });
  t.equal(failed.code, 1, failed.stderr);
  t.match(failed.stdout, /Not frozen where it failed: .*(full|space)/);
  t.match(failed.stdout, /Assertion failed: the word/);
  t.notMatch(failed.stdout, /enter:|machine/, 'nothing is promised, nothing is left');
  await nothingRuns(small);
});

tap.test('a QEMU that is killed while it is frozen changes no verdict', async (t: Test) => {
  using slow = newWorld();
  const bin = join(slow.root, 'bin');
  mkdirSync(bin);
  // Packs nothing, and says that it was asked.
  const real = findExecutable('zstd');
  const zstd = `#!/bin/sh\ncase "$*" in *-d*) exec ${real} "$@";; esac\ntouch ${slow.root}/asked\nexec sleep 60\n`;
  writeFileSync(join(bin, 'zstd'), zstd, { mode: 0o755 });
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const running = slow.start([...failing, '--keep-on-failure', '--cold'], { env });
  await pollUntil(() => existsSync(join(slow.root, 'asked')), { what: 'the freeze', timeoutMs: generousMs });
  for (const pid of slow.qemus()) process.kill(pid, 'SIGKILL');
  const failed = await running.ended;
  t.equal(failed.code, 1, failed.stderr);
  t.match(failed.stdout, /failed virt-arm64\/enter\/reads the wrong word .*Assertion failed/);
  t.match(failed.stdout, /Not frozen where it failed: QEMU of board "virt-arm64" was ended by SIGKILL/);
  t.notMatch(failed.stdout, /enter:/);
  const left = readdirSync(slow.runs[0] ?? '', { recursive: true }) as string[];
  t.same(
    left.filter((name) => /frozen\/|\.part/.test(name)),
    [],
  );
});
