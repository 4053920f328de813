// test: vm
// Long because its tests fork one board that was booted once.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openDevices } from '../rig/cli/registry.js';
import type { MachineSpec } from '../rig/contracts/board.js';
import type { Endpoint, ImageFile } from '../rig/contracts/capabilities.js';
import type { DeviceEvent } from '../rig/contracts/driver.js';
import type { RigError } from '../rig/contracts/errors.js';
import { manifestName, type SnapshotManifest, snapshotMiss } from '../rig/contracts/snapshot.js';
import { thisHolder } from '../rig/core/session/holder.js';
import { LocalSession } from '../rig/core/session/local.js';
import { attachSession } from '../rig/core/session/open.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { OpenDevice } from './conformance/device.js';
import { openBoard, prompt, qemuChildren, uBootMachine, uBootMaker } from './qemu/boards.js';
import { guestOn, openFork, referenceBoard, referenceImage } from './snapshots/guest.js';

const generousMs = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'snap-'));
process.env.XDG_RUNTIME_DIR = folder;
process.env.XDG_STATE_HOME = join(folder, 'state');
t.setTimeout(5 * generousMs);

const built = await referenceImage();
const image: ImageFile = { path: built.path, sha256: built.sha256 };
const board = await referenceBoard('saved', folder);
const mediumBytes = (board.type.machine?.mediumMiB ?? 0) * 1024 * 1024;

// The board that all forks come from is asked through its session's socket.
const session = await LocalSession.open(board, {
  holder: thisHolder('test'),
  openDevices,
});
const client = await attachSession('saved', { purpose: 'test' });
const { power, storage, snapshots, address } = client?.capabilities ?? {};
if (!client || !power || !storage || !snapshots || !address)
  throw new Error('the session lacks a capability');
const events: DeviceEvent[] = [];
client.onEvent((event) => events.push(event));
const guest = guestOn(async (bytes) => client.console?.write(bytes));
client.console?.subscribe({ data: (chunk) => guest.feed(chunk), lost: () => {} });
t.teardown(async () => {
  await client[Symbol.asyncDispose]();
  await session[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const first = join(folder, 'first');

await t.test('a board comes back as it was saved, over the socket', async (t) => {
  await t.rejects(snapshots.save(first), { code: 'power.board-off' });
  const planned = await snapshots.key({ image, mediumBytes });
  await storage.provision(image, { mediumBytes });
  await power.on();
  await guest.until('login: ');
  await guest.type('root\n');
  await guest.until(':~# ');
  await guest.run('echo kept >/run/kept; echo kept >/mnt/data/kept; sync');

  const saved = await snapshots.save(first);
  t.same(saved, readManifest(first), 'what is told is what is written');
  t.same(saved.key, planned, 'the key was known before the medium was written');
  t.same(partialFolders(), [], 'nothing else is left');
  await guest.run('echo later >/run/later; echo later >/mnt/data/later; rm /mnt/data/kept; sync');
  await t.rejects(snapshots.save(first), { code: 'snapshot.exists' });

  const untold = await snapshots.restore(first);
  t.same(untold, { savedAt: saved.savedAt, afterRestore: ['clock', 'entropy'] });
  t.equal(
    await guest.run('cat /run/kept /mnt/data/kept; ls /run/later /mnt/data/later 2>&1 | wc -l'),
    'kept\nkept\n2',
  );
  t.equal(await guest.run('ls /mnt/data/later 2>/dev/null | wc -l'), '0');
  await client.info();
  t.match(storage.state(), { kind: 'dirty', sha256: image.sha256 });
  t.same(
    events.flatMap((event) => (event.kind === 'power' ? [`${event.state} ${event.cause}`] : [])),
    ['on rig', 'off rig', 'on rig'],
    'it was cut, and is on',
  );
  t.equal(qemuChildren().length, 1);
  t.match(await greetingOf(await address.endpoint(22222)), /^SSH-2\.0/, 'the network works at once');
  await power.off();
});

await t.test('forks live at once, and nothing of theirs reaches the snapshot or each other', async (t) => {
  const before = hashes(first);
  const elsewhere = { path: join(folder, 'moved.img'), sha256: image.sha256 };
  symlinkSync(image.path, elsewhere.path);
  await using one = await openFork({ ...board, name: 'one' }, folder);
  await using two = await openFork({ ...board, name: 'two' }, folder);
  const told = await Promise.all([
    one.can.snapshots.restore(first),
    two.can.snapshots.restore(first, { image: elsewhere }),
  ]);
  t.same(told[0]?.afterRestore, ['clock', 'entropy', 'identity']);
  t.ok(statSync(join(folder, 'one-work', 'medium.qcow2')).size < 1024 * 1024, 'a fork copies no disk');
  const write = (name: string) => `echo ${name} >/mnt/data/mine; sync; echo 3 >/proc/sys/vm/drop_caches`;
  await Promise.all([one.guest.run(write('one')), two.guest.run(write('two'))]);
  t.equal(await one.guest.run('cat /run/kept /mnt/data/mine'), 'kept\none');
  t.equal(await two.guest.run('cat /run/kept /mnt/data/mine'), 'kept\ntwo');
  const ports = await Promise.all([one, two].map(({ can }) => can.address.endpoint(22222)));
  t.not(ports[0]?.port, ports[1]?.port);
  t.same(hashes(first), before, 'the snapshot is untouched');

  const second = join(folder, 'second');
  const saves = [one, two].map(({ can }) => can.snapshots.save(second));
  const outcomes = await Promise.allSettled(saves);
  const lost = outcomes.flatMap((each) =>
    each.status === 'rejected' ? [(each.reason as RigError).code] : [],
  );
  t.same(lost, ['snapshot.exists'], 'of two that save the same, one wins');
  t.same(partialFolders(), []);
  const winner = readManifest(second).identity.name;
  const { stdout } = await runProgram('qemu-img', ['info', '--output=json', join(second, 'medium.qcow2')]);
  t.equal(
    JSON.parse(stdout)['backing-filename'],
    winner === 'one' ? image.path : elsewhere.path,
    'it needs no other snapshot',
  );
  await one.can.power.off();
  await two.can.power.off();
  const moved = join(folder, 'first-moved');
  cpSync(first, moved, { recursive: true });
  rmSync(first, { recursive: true });
  await one.can.snapshots.restore(second);
  t.equal(
    await one.guest.run('echo 3 >/proc/sys/vm/drop_caches; cat /run/kept /mnt/data/kept /mnt/data/mine'),
    `kept\nkept\n${winner}`,
  );
  await one.can.reset?.reset();
  await one.guest.until('login: ');
  await one.guest.type('root\n');
  await one.guest.until(':~# ');
  t.match(
    await one.guest.run('until ip -4 -o addr show eth0 | grep inet; do usleep 100000; done'),
    'inet 10.0.2.15/',
    'forwarded ports lead to it after a reset too',
  );
  await one.can.power.off();
  cpSync(moved, first, { recursive: true });
});

/** Writes random bytes, and their sum in the end. */
const writer = [
  '#!/bin/sh',
  'while [ ! -e /run/end ]; do head -c 65536 /dev/urandom; usleep 2000; done | tee /mnt/data/big | md5sum >/run/sum',
];

/** Counts in one place of the disk, and says so when it finds there another number than it wrote. */
const counter = [
  '#!/bin/sh',
  'i=100',
  'while [ ! -e /run/end ]; do',
  'i=$((i+1)); echo $i 1<>/mnt/data/count; sync; usleep 200000; echo 3 >/proc/sys/vm/drop_caches',
  '[ "$(cat /mnt/data/count)" = "$i" ] || echo "found $(cat /mnt/data/count) for $i"',
  'done',
];

await t.test('a snapshot in the middle of writes passes a check of the file system', async (t) => {
  await using fork = await openFork({ ...board, name: 'busy' }, folder);
  const { can, guest } = fork;
  await can.snapshots.restore(first);
  for (const [name, lines] of Object.entries({ writer, counter }))
    await guest.run(`printf '${lines.join('\\n')}\\n' >/run/${name}; chmod +x /run/${name}`);
  await guest.run('/run/writer & /run/counter >/run/torn 2>&1 & true');
  const dir = join(folder, 'busy-saved');
  const finish = 'usleep 300000; touch /run/end; wait; sync; echo 3 >/proc/sys/vm/drop_caches';
  const verdict = 'cat /run/torn; md5sum </mnt/data/big | cmp - /run/sum && echo whole';
  await guest.run('while [ "$(cat /mnt/data/count 2>/dev/null || echo 0)" -lt 103 ]; do usleep 20000; done');
  await can.snapshots.save(dir);
  t.equal(await guest.run(`${finish}; ${verdict}`), 'whole', 'the saved board goes on writing');
  await can.snapshots.restore(dir);
  t.equal(
    await guest.run('wc -c </run/sum; ls /run/end 2>/dev/null | wc -l'),
    '0\n0',
    'it was in the middle of it',
  );
  t.equal(await guest.run(`${finish}; ${verdict}`), 'whole', 'and so does the restored one');
  t.equal(await guest.run('dmesg | grep -ci "ext4.*error\\|i/o error" || true'), '0');
  await guest.type('poweroff\n');
  await pollUntil(async () => (await can.power.state()) === 'off', {
    what: 'the end',
    timeoutMs: generousMs,
  });
  const raw = join(folder, 'busy.raw');
  await can.storage.keep(raw);
  const checked = await runProgram('/sbin/e2fsck', ['-fn', `${raw}?offset=${dataOffset(raw)}`], {
    allowedCodes: [0, 4],
  });
  t.equal(checked.code, 0, checked.stdout);
  rmSync(raw);
});

await t.test('a guest that was asleep for long is told the time', async (t) => {
  await using fork = await openFork({ ...board, name: 'sleeper' }, folder);
  const { can, guest } = fork;
  await can.snapshots.restore(first);
  // As if it had been saved an hour ago.
  await guest.run('date -u -s @$(($(date +%s) - 3600))');
  const dir = join(folder, 'sleeper-saved');
  await can.snapshots.save(dir);
  const { afterRestore } = await can.snapshots.restore(dir);
  t.ok(afterRestore.includes('clock'));
  t.ok(Date.now() / 1000 - Number(await guest.run('date +%s')) > 3500, 'by itself it does not know');
  await guest.run(`date -u -s @${Math.floor(Date.now() / 1000)}`);
  t.ok(Math.abs(Date.now() / 1000 - Number(await guest.run('date +%s'))) < 30);
  t.equal(await guest.run('dmesg | grep -ci "stall\\|lockup\\|hung" || true'), '0');
  t.match(await greetingOf(await can.address.endpoint(22222)), /^SSH-2\.0/);
});

await t.test(
  'what is damaged, of another machine or not there is a miss, and the board is as it was',
  async (t) => {
    await using fork = await openFork({ ...board, name: 'picky' }, folder);
    const { can, guest } = fork;
    await can.snapshots.restore(first);
    await guest.run('echo mine >/run/mine');
    const changed = (change: (dir: string) => void): string => {
      const dir = mkdtempSync(join(folder, 'changed-'));
      cpSync(first, dir, { recursive: true });
      for (const file of readdirSync(dir)) chmodSync(join(dir, file), 0o600);
      change(dir);
      return dir;
    };
    const rewrite = (change: (manifest: SnapshotManifest) => object) => (dir: string) =>
      writeFileSync(
        join(dir, manifestName),
        JSON.stringify({ ...readManifest(dir), ...change(readManifest(dir)) }),
      );
    const keyed = (name: string, value: string) =>
      changed(rewrite(({ key }) => ({ key: { ...key, [name]: value } })));
    const misses: [string, string, RegExp][] = [
      [join(folder, 'nowhere'), 'snapshot.missing', /no snapshot/],
      [
        changed((dir) => truncateSync(join(dir, 'machine.zst'), 1_000_000)),
        'snapshot.corrupt',
        /has 1000000 bytes instead of/,
      ],
      [changed((dir) => flipByte(join(dir, 'medium.qcow2'))), 'snapshot.corrupt', /medium.qcow2 was changed/],
      [changed((dir) => rmSync(join(dir, 'medium.qcow2'))), 'snapshot.corrupt', /cannot be read/],
      [changed((dir) => truncateSync(join(dir, manifestName), 300)), 'snapshot.corrupt', /snapshot.json/],
      [changed(rewrite(() => ({ version: 2 }))), 'snapshot.corrupt', /snapshot.json/],
      [
        changed(rewrite(({ state }) => ({ state: { ...state, file: '../first/machine.zst' } }))),
        'snapshot.corrupt',
        /no plain/,
      ],
      [keyed('QEMU version', '8.2.0'), 'snapshot.other-key', /QEMU version was "8.2.0" and is "\d/],
      [
        keyed('accelerator', 'kvm on this'),
        'snapshot.other-key',
        /accelerator was "kvm on this" and is "tcg"/,
      ],
      [keyed('image', 'f'.repeat(64)), 'snapshot.other-key', /image was/],
    ];
    for (const [dir, code, message] of misses)
      await t.rejects(can.snapshots.restore(dir), { code, blame: 'rig', message });
    await t.rejects(can.snapshots.restore(first, { image: { ...image, sha256: 'e'.repeat(64) } }), {
      code: 'snapshot.other-key',
    });
    t.equal(await guest.run('cat /run/mine'), 'mine', 'after all these the board is as it was');

    // What no check can see before QEMU does.
    const torn = changed((dir) => {
      truncateSync(join(dir, 'machine.zst'), 4_000_000);
      rewrite(({ state }) => ({
        state: { ...state, sizeBytes: 4_000_000, sha256: hash(join(dir, state.file)) },
      }))(dir);
    });
    await t.rejects(can.snapshots.restore(torn), {
      code: 'snapshot.not-loaded',
      blame: 'rig',
      message: /QEMU of board "picky" ended/,
    });
    t.equal(await can.power.state(), 'off');
    t.same(can.storage.state(), { kind: 'unknown' });
    t.same(
      fork.events.filter(({ kind }) => kind === 'lost'),
      [],
      'it is told once',
    );
    await can.snapshots.restore(first);
    t.equal(await guest.run('cat /run/kept'), 'kept', 'and a good one can be restored then');
  },
);

await t.test('every fact that a machine depends on is in its key', async (t) => {
  const spec = board.type.machine as MachineSpec;
  const keyOf = async (machine: Partial<MachineSpec>, name = 'key', bytes = mediumBytes) => {
    const type = { ...board.type, machine: { ...spec, ...machine } };
    await using fork = await openFork({ ...board, name, type }, folder);
    return fork.can.snapshots.key({ image, mediumBytes: bytes });
  };
  const usual = await keyOf({});
  t.same(snapshotMiss(usual, readManifest(first).key), []);
  t.same(await keyOf({}, 'other-name'), usual, 'the name is not: forks go by any');
  const differs = async (machine: Partial<MachineSpec>, facts: RegExp[], bytes = mediumBytes) =>
    t.match(snapshotMiss(usual, await keyOf(machine, 'key', bytes)), facts);
  await differs({ cpu: 'max' }, [/^board type/, /^machine was "…cortex-a57 .* and is "…max -smp/]);
  await differs({ memoryMiB: 512 }, [/^board type/, /^machine was "…256M/]);
  await differs({ forward: [] }, [/^board type/]);
  await differs({}, [/^medium size was "536870912 bytes"/], mediumBytes + 512);
  const firmware = join(folder, 'u-boot.bin');
  cpSync('/usr/lib/u-boot/qemu_arm64/u-boot.bin', firmware);
  const boot = { ...spec.boot, kind: 'u-boot' as const, image: firmware };
  const own = await keyOf({ boot });
  flipByte(firmware);
  t.match(
    snapshotMiss(own, await keyOf({ boot })),
    [/^firmware was "U-Boot [0-9a-f]/],
    'its content, not its name',
  );
});

await t.test(
  'a save that fails leaves nothing, and the board goes on or is lost with the cause',
  async (t) => {
    // A zstd that begins when it is let.
    const bin = join(folder, 'bin');
    const gate = join(folder, 'gate');
    mkdirSync(bin);
    await runProgram('mkfifo', [gate]);
    const zstd = `read word <'${gate}'; [ "$word" = fail ] || exec cat; cat >/dev/null; exit 1`;
    writeFileSync(join(bin, 'zstd'), `#!/bin/sh\n${zstd}\n`, { mode: 0o755 });
    const path = process.env.PATH;
    process.env.PATH = `${bin}:${path}`;
    try {
      await using open = await OpenDevice.of(uBootMaker);
      const { power, snapshots } = open.device.capabilities;
      if (!snapshots) throw new Error('the board has no snapshots');
      const into = mkdtempSync(join(folder, 'into-'));
      const saving = (signal?: AbortSignal) => snapshots.save(join(into, 'saved'), signal ? { signal } : {});
      await power?.on();
      await open.until(prompt);

      const abort = new AbortController();
      const givenUp = t.rejects(saving(abort.signal), { message: 'given up' });
      await beginsToWrite(into);
      abort.abort(new Error('given up'));
      writeFileSync(gate, '\n');
      await givenUp;
      t.same(readdirSync(into), []);
      await open.type(uBootMaker.question.line);
      await open.until(uBootMaker.question.answer);
      t.pass('the board goes on');

      const unwritten = t.rejects(saving(), {
        code: 'snapshot.not-saved',
        message: /the program that writes/,
      });
      await beginsToWrite(into);
      writeFileSync(gate, 'fail\n');
      await unwritten;
      t.same(readdirSync(into), []);

      const killed = t.rejects(saving(), {
        code: 'qemu.killed',
        evidence: { signal: 'SIGKILL' },
      });
      await beginsToWrite(into);
      for (const pid of qemuChildren()) process.kill(pid, 'SIGKILL');
      await killed;
      writeFileSync(gate, '\n');
      t.same(readdirSync(into), []);
      t.match((await open.event('lost')).error, { code: 'qemu.killed' });
      t.equal(await power?.state(), 'off');
      await power?.on();
      await open.until(prompt);
    } finally {
      process.env.PATH = path;
    }
  },
);

await t.test('a QEMU that hangs ends the save, and the board is lost with the cause', async (t) => {
  await using open = await OpenDevice.of(uBootMaker);
  const { power, snapshots } = open.device.capabilities;
  if (!snapshots) throw new Error('the board has no snapshots');
  const into = mkdtempSync(join(folder, 'into-'));
  await power?.on();
  await open.until(prompt);
  for (const pid of qemuChildren()) process.kill(pid, 'SIGSTOP');
  await t.rejects(snapshots.save(join(into, 'saved'), { signal: AbortSignal.timeout(500) }), {
    code: 'lifetime.timeout',
    message: /waiting for QEMU to let the saved board go on/,
  });
  t.same(readdirSync(into), []);
  t.match((await open.event('lost')).error, { code: 'lifetime.timeout', blame: 'rig' });
  t.same(qemuChildren(), []);
  await power?.on();
  await open.until(prompt);
});

await t.test('without room the save fails cleanly', async (t) => {
  const unshare = await runProgram('unshare', ['--map-root-user', '--mount', 'true'], {
    allowedCodes: [0, 1],
  });
  if (unshare.code !== 0) return t.comment('SKIPPED: this host gives no mount namespaces');
  const program = fileURLToPath(new URL('./snapshots/full-disk.js', import.meta.url));
  const [small, roomy] = [mkdtempSync(join(folder, 'small-')), mkdtempSync(join(folder, 'roomy-'))];
  const script = `mount -t tmpfs -o size=256k none "$0" && exec "$@"`;
  const { stdout } = await runProgram(
    'unshare',
    ['--map-root-user', '--mount', '/bin/sh', '-c', script, small, process.execPath, program, small, roomy],
    { timeoutMs: generousMs },
  );
  t.same(JSON.parse(stdout), { code: 'qemu.host-disk-full', blame: 'rig', left: [], state: 'on' });
});

await t.test('UEFI variables go with the board; what QEMU cannot save has no snapshots', async (t) => {
  const boot = {
    kind: 'uefi' as const,
    code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
    variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
  };
  const machine: MachineSpec = {
    ...uBootMachine,
    model: 'q35',
    cpu: 'qemu64',
    boot,
    disk: 'ahci',
    nic: 'virtio-pci',
    rng: 'virtio-pci',
  };
  const at = mkdtempSync(join(folder, 'uefi-'));
  const variables = join(at, 'state', 'uefi-variables.fd');
  await using open = await OpenDevice.of({
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine, folder: at }),
  });
  const { power, snapshots } = open.device.capabilities;
  await power?.on();
  await pollUntil(() => hash(variables) !== hash(boot.variables), {
    what: 'the firmware to write its variables',
    timeoutMs: generousMs,
  });
  const dir = join(at, 'saved');
  const saved = await snapshots?.save(dir);
  await power?.off();
  writeFileSync(variables, 'spoilt');
  await snapshots?.restore(dir);
  t.equal(await power?.state(), 'on');
  t.equal(statSync(variables).size, saved?.variables?.sizeBytes);
  await power?.off();
  t.not(hash(variables), hash(boot.variables), 'they are the ones that the firmware wrote');
  t.equal(hash(join(dir, 'uefi-variables.fd')), saved?.variables?.sha256);
  await using nvme = await OpenDevice.of({
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine: { ...machine, disk: 'nvme' } }),
  });
  t.equal(nvme.device.capabilities.snapshots, undefined);
});

function readManifest(dir: string): SnapshotManifest {
  return JSON.parse(readFileSync(join(dir, manifestName), 'utf8')) as SnapshotManifest;
}

function partialFolders(): string[] {
  return readdirSync(folder).filter((name) => name.includes('.part-'));
}

function hash(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function hashes(dir: string): string[] {
  return readdirSync(dir).map((name) => `${name} ${hash(join(dir, name))}`);
}

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length - 100_000;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** Of the last partition in the GPT of the reference image. */
function dataOffset(raw: string): number {
  const entry = readFileSync(raw).subarray(1024 + 4 * 128);
  return Number(entry.readBigUInt64LE(32)) * 512;
}

/** The first bytes that a TCP server says. */
async function greetingOf({ host, port }: Endpoint): Promise<string> {
  const socket = connect(port, host);
  const [said] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return said.toString();
}

/** QEMU has started the program that writes the state. */
async function beginsToWrite(into: string): Promise<void> {
  await pollUntil(() => readdirSync(into).some((name) => existsSync(join(into, name, 'machine.zst.part'))), {
    what: 'the save to begin',
    timeoutMs: generousMs,
    everyMs: 5,
  });
}
