// test: light
// Long because one process for all that updates are made of costs less than one for each.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import { profileSchema } from '../rig/config/profile-schema.js';
import { parseYaml } from '../rig/config/yaml-source.js';
import { RigError } from '../rig/contracts/errors.js';
import type { Shell, ShellResult } from '../rig/contracts/suite.js';
import type { SlotBoot } from '../rig/contracts/update.js';
import { textOf } from '../rig/core/shell-text.js';
import { BundleServer } from '../rig/core/update/bundle-server.js';
import { commandDriver } from '../rig/core/update/command.js';
import { damagedCopy } from '../rig/core/update/damaged-copy.js';
import { runDetached } from '../rig/core/update/detached.js';
import { updateDriver } from '../rig/core/update/driver.js';
import { fileFacts } from '../rig/core/update/file-facts.js';
import { parseRaucStatus } from '../rig/core/update/rauc.js';
import { SlotHistory } from '../rig/core/update/slot-history.js';
import { fill } from '../rig/core/update/template.js';
import { bareProfile } from './fakes/bare-profile.js';

const exec = promisify(execFile);

async function folderFor(test: { teardown(end: () => Promise<void>): unknown }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-update-'));
  test.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** This host's own shell in the place of a board's. */
async function sh(command: string): Promise<ShellResult> {
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { exitCode: code ?? 255, stdout: String(Buffer.concat(out)), stderr: String(Buffer.concat(err)) };
}

const hostShell: Shell = { run: sh, text: async (command) => textOf(command, await sh(command)) };

t.test('a template keeps what it is given apart from the shell', async (t) => {
  const nasty = 'it\'s $(reboot); `rm -rf /` "x"';
  const { stdout } = await sh(fill('printf %s {file}', { file: nasty }));
  t.equal(stdout, nasty);
  t.equal(fill('a {b} {c}', { b: '/mnt/data/x' }), 'a /mnt/data/x {c}', 'what it does not know stays');
});

t.test('boots as a console tells them', async (t) => {
  const told: SlotBoot[] = [];
  const history = new SlotHistory((boot) => told.push(boot));
  let changes = 0;
  using _listener = history.onChange(() => {
    changes += 1;
  });
  history.epochBegan(1, 'off');
  history.seen('chosen', { slot: 'A', tries: '3', why: 'first' });
  history.seen('chosen', { slot: 'B', tries: '1', why: 'next' });
  history.seen('version', { version: '1.0.0' });
  t.match(history.current, { slot: 'A', tries: 3, verdict: 'unknown', version: '1.0.0' }, 'the first counts');
  history.seen('good', {});
  history.seen('bad', { complaint: 'too late' });
  t.same(
    told,
    [{ epoch: 1, slot: 'A', verdict: 'good', tries: 3, why: 'first', version: '1.0.0' }],
    'told once, when the verdict falls',
  );
  history.epochBegan(2, 'reset');
  t.equal(told.length, 1, 'a reset after the verdict changes nothing');
  history.epochBegan(3, 'reset');
  t.equal(told.length, 1, 'an epoch in which no bootloader chose is no boot');
  history.seen('chosen', { slot: 'B', tries: '-' });
  history.panicked();
  history.epochBegan(4, 'reset');
  history.seen('chosen', { slot: 'B' });
  history.seen('bad', { complaint: 'network' });
  history.epochBegan(5, 'reset');
  history.seen('chosen', { slot: 'B' });
  history.epochBegan(6, 'reset');
  history.seen('chosen', { slot: 'B' });
  history.seen('notLoaded', {});
  history.seen('chosen', { slot: 'A' });
  history.powerWentOff();
  history.epochBegan(7, 'off');
  history.seen('chosen', { slot: 'A' });
  history.close();
  history.close();
  t.same(
    told.slice(1).map(({ epoch, verdict, complaint, tries }) => [epoch, verdict, complaint, tries]),
    [
      [3, 'panicked', undefined, undefined],
      [4, 'bad', 'network', undefined],
      [5, 'reset', undefined, undefined],
      [6, 'not-loaded', undefined, undefined],
      [6, 'off', undefined, undefined],
      [7, 'unknown', undefined, undefined],
    ],
  );
  t.same(
    history.boots.map(({ epoch }) => epoch),
    [1, 3, 4, 5, 6, 6, 7],
  );
  t.ok(changes > 10);
});

t.test("what RAUC's status says", (t) => {
  const status = {
    compatible: 'boardrig-virt-arm64',
    variant: '',
    booted: 'A',
    boot_primary: 'rootfs.1',
    slots: [
      {
        'rootfs.1': {
          class: 'rootfs',
          device: '/dev/vda3',
          bootname: 'B',
          state: 'inactive',
          boot_status: 'bad',
          slot_status: { bundle: { compatible: 'x', version: '1.0.1' } },
        },
      },
      {
        'rootfs.0': {
          class: 'rootfs',
          device: '/dev/vda2',
          bootname: 'A',
          state: 'booted',
          boot_status: 'good',
        },
      },
      { 'boot.0': { class: 'boot', device: '/dev/vda1', bootname: null } },
    ],
  };
  t.same(parseRaucStatus(JSON.stringify(status)), {
    booted: 'A',
    next: 'B',
    slots: [
      { name: 'B', health: 'bad', version: '1.0.1', device: '/dev/vda3' },
      { name: 'A', health: 'good', device: '/dev/vda2' },
    ],
  });
  t.equal(parseRaucStatus(JSON.stringify({ ...status, booted: '/dev/vda2' })).booted, 'A', 'by its device');
  t.equal(parseRaucStatus(JSON.stringify({ ...status, booted: null })).booted, 'A', 'by its state');
  t.equal(parseRaucStatus(JSON.stringify({ ...status, boot_primary: null })).next, undefined);
  for (const bad of ['', 'rauc: not found', '[]', 'null', '{"booted":"A"}', '{"slots":[3]}'])
    t.throws(() => parseRaucStatus(bad), { code: 'update.unreadable-status', blame: 'board' }, bad);
  t.end();
});

t.test('a product of commands', async (t) => {
  const folder = await folderFor(t);
  await writeFile(join(folder, 'active'), 'A\n');
  const driver = commandDriver({
    driver: 'command',
    slots: { A: 'rootA', B: 'rootB' },
    tries: 3,
    kill: 'true',
    install: 'cp {bundle} /nowhere',
    active: `cat ${folder}/active`,
    next: 'echo B',
    health: 'case {slot} in A) echo good;; *) echo who knows;; esac',
    version: 'echo 1.{slot}',
    triesLeft: 'echo 2',
    refused: '^refused: ',
  });
  t.same(await driver.status(hostShell, {}), {
    booted: 'A',
    next: 'B',
    slots: [
      { name: 'A', health: 'good', version: '1.A', triesLeft: 2 },
      { name: 'B', health: 'unknown', version: '1.B', triesLeft: 2 },
    ],
  });
  t.equal(driver.install("/a b'c"), `cp '/a b'\\''c' /nowhere`);
  const result = (exitCode: number, stdout: string): ShellResult => ({ exitCode, stdout, stderr: '' });
  t.ok(driver.took(result(0, 'done\n')));
  t.notOk(driver.took(result(0, 'reading\nrefused: signature\n')), 'it says so and exits with 0');
  t.notOk(driver.took(result(1, 'done\n')));
  await writeFile(join(folder, 'active'), 'C\n');
  await t.rejects(
    driver.status(hostShell, {}),
    { code: 'update.unreadable-status' },
    'a slot that nobody knows',
  );
  await writeFile(join(folder, 'active'), '');
  await t.rejects(driver.status(hostShell, {}), { code: 'update.unreadable-status' });
});

t.test('a bundle comes over HTTP whole, in parts, in halves, or not', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'update');
  const content = Buffer.alloc(3_000_001, 'boardrig ');
  await writeFile(path, content);
  const got = join(folder, 'got');
  const fetched = async (server: BundleServer, ...more: string[]): Promise<Buffer> => {
    await exec('curl', ['-sSf', '-o', got, ...more, `http://127.0.0.1:${server.port}/x`]);
    return readFile(got);
  };
  {
    await using server = await BundleServer.open(path, { bindAddress: '127.0.0.1', hold: false });
    t.ok((await fetched(server)).equals(content));
    t.ok((await fetched(server, '-r', '1499990-1500010')).equals(content.subarray(1_499_990, 1_500_011)));
    t.ok((await fetched(server, '-r', '3000000-')).equals(content.subarray(3_000_000)));
    const { stdout } = await exec('curl', ['-sSfI', `http://127.0.0.1:${server.port}/x`]);
    t.match(stdout, /content-length: 3000001/i);
  }
  {
    await using server = await BundleServer.open(path, { bindAddress: '127.0.0.1', hold: true });
    const whole = fetched(server);
    await server.half;
    const sizeThen = (await stat(got)).size;
    t.ok(sizeThen <= 1_500_000, `${sizeThen} bytes came while the rest was held back`);
    server.release();
    t.ok((await whole).equals(content));
  }
  await using server = await BundleServer.open(path, { bindAddress: '127.0.0.1', hold: true });
  const cut = fetched(server).then(
    () => undefined,
    (error: { code: number }) => error.code,
  );
  await server.half;
  server.drop();
  // curl(1): 18 is a partial file, 56 a connection that was reset.
  t.ok([18, 56].includes((await cut) ?? 0), 'the client knows that it has not all');
  t.ok((await fetched(server)).equals(content), 'who asks again gets it');
});

t.test('a spoilt bundle differs in what was asked for', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'update');
  const content = Buffer.from('0123456789');
  await writeFile(path, content);
  const whole = { path, ...(await fileFacts(path)), version: '1.0.1' };
  t.equal(whole.sizeBytes, 10);
  const half = await damagedCopy(whole, { damage: 'truncated', folder });
  t.equal(await readFile(half.path, 'utf8'), '01234');
  t.equal(half.sizeBytes, 5);
  const byte = await damagedCopy(whole, { damage: 'byte', folder });
  const spoilt = await readFile(byte.path);
  t.equal(spoilt.length, 10);
  t.same(
    [...spoilt].flatMap((value, index) => (value === content[index] ? [] : [index])),
    [5],
  );
  t.equal(byte.version, '1.0.1');
  t.equal(new Set([whole, half, byte].map(({ sha256 }) => sha256)).size, 3);
  t.equal(await readFile(path, 'utf8'), '0123456789', 'the bundle itself is as it was');
});

t.test('a command goes on without its connection, and is waited for over the next', async (t) => {
  const folder = await folderFor(t);
  const options = {
    folder: join(folder, "scra'tch"),
    timeoutMs: 20_000,
    scale: 1,
    stillThere: async () => {},
  };
  const good = await runDetached(hostShell, 'echo one; echo two >&2; exit 3', options);
  t.same([good.exitCode, good.stdout], [3, 'one\ntwo\n'], 'both its streams and how it ended');

  let calls = 0;
  const flaky: Shell = {
    run: async (command) => {
      calls += 1;
      if (calls > 1) return sh(command);
      const first = spawn('sh', ['-c', command], { stdio: 'ignore', detached: true });
      await once(first, 'spawn');
      // The connection dies with its own processes once the command runs.
      while ((await sh(`test -e ${folder}/began`)).exitCode !== 0);
      process.kill(-(first.pid ?? 0), 'SIGKILL');
      throw new RigError('lost', { code: 'ssh.lost', blame: 'board', hint: '' });
    },
    text: async () => '',
  };
  const counted = await runDetached(
    flaky,
    `echo x >>${folder}/began; until [ -e ${folder}/go ]; do sleep 0.05; done; cat ${folder}/began`,
    { ...options, stillThere: async () => void (await writeFile(join(folder, 'go'), '')) },
  );
  t.same([counted.exitCode, counted.stdout, calls], [0, 'x\n', 2], 'it ran once');

  const gone = new RigError('off', { code: 'update.interrupted', blame: 'board', hint: '' });
  const dead: Shell = {
    run: () => Promise.reject(new RigError('lost', { code: 'ssh.lost', blame: 'board', hint: '' })),
    text: async () => '',
  };
  await t.rejects(
    runDetached(dead, 'true', { ...options, stillThere: () => Promise.reject(gone) }),
    gone,
    'a board that is off is not waited for',
  );
  const unwritable = await runDetached(hostShell, 'true', { ...options, folder: '/proc/no/such' });
  t.not(unwritable.exitCode, 0, 'where nothing can be written the command is not begun');
});

t.test('the examples of the documents are right', async (t) => {
  const text = await readFile(join(packageRoot, 'docs/update-drivers.md'), 'utf8');
  const blocks = [...text.matchAll(/```yaml (\S+)\n([\s\S]*?)```/g)];
  t.same(
    blocks.map(([, name]) => name),
    ['rauc.yaml', 'swupdate.yaml', 'mender.yaml', 'hostapp-update.yaml'],
  );
  for (const [, name = '', yaml = ''] of blocks) {
    const { data } = parseYaml(Buffer.from(yaml), name);
    const read = profileSchema.parse({ ...bareProfile, ...(data as object) });
    t.ok(read.update, name);
    if (!read.update) continue;
    const command = updateDriver(read.update).install('/x y');
    t.equal((await sh(`set -n; ${command}`)).exitCode, 0, `${name}: a shell can read ${command}`);
    t.match(command, "'/x y'");
    const { signs } = read.update;
    if (signs) {
      const { groups } = new RegExp(signs.chosen).exec('booting slot B, 2 tries left') ?? {};
      t.same({ ...groups }, { slot: 'B', tries: '2' });
    }
  }
});
