// test: vm
// Long because each test is short and they share one board: a hundred lines less would be a second file with the same top.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import tap, { type Test } from 'tap';
import { chooseAccelerator } from '../qemu/accelerator.js';
import { encodeEnvironment, uefiVariables } from '../qemu/firmware.js';
import type { MachineSpec } from '../rig/contracts/board.js';
import { findExecutable } from '../rig/lifetime/find-executable.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import { isRunning, readProcessStat } from '../rig/lifetime/process-stat.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { consoleConformance } from './conformance/console.js';
import { OpenDevice } from './conformance/device.js';
import { linkConformance } from './conformance/link.js';
import { powerConformance } from './conformance/power.js';
import { openBoard, prompt, qemuChildren, uBootMachine, uBootMaker } from './qemu/boards.js';
import { chatter, chatterBytes, chatterFirmware, chatterMachine } from './qemu/chatterbox.js';

const generousMs = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'qemu-test-'));
tap.setTimeout(5 * generousMs);
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** A test that leaves no QEMU. */
function vmTest(name: string, body: (t: Test) => Promise<void>): void {
  tap.test(name, { timeout: 2 * generousMs }, async (t: Test) => {
    await body(t);
    t.same(qemuChildren(), [], 'no process is left');
  });
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const on = (open: OpenDevice): Promise<void> => open.device.capabilities.power?.on() ?? Promise.reject();
const state = (open: OpenDevice): Promise<string> | undefined => open.device.capabilities.power?.state();
const started = async (open: OpenDevice): Promise<void> => {
  open.skip();
  await on(open);
  await open.until(prompt);
};

vmTest('power', (t) => powerConformance(t, uBootMaker));
vmTest('console', (t) => consoleConformance(t, uBootMaker));
vmTest('link', (t) => linkConformance(t, uBootMaker));

vmTest('a reset by the board is told between its last byte and the first of the next boot', async (t) => {
  await using open = await OpenDevice.of(uBootMaker);
  await started(open);
  for (let round = 1; round <= 3; round += 1) {
    await open.type('echo tick; reset\n');
    t.same(await open.event('reset', round), { kind: 'reset', cause: 'board' });
    await open.until(prompt);
  }
  // The order must not hang on reading in time: here a reply of QEMU's lies unread before the last bytes and the reset.
  await open.type('sleep .2; echo tock; reset\n');
  await open.until('tock; reset');
  await open.device.capabilities.link?.state();
  const down = open.device.capabilities.link?.down();
  await new Promise(setImmediate);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  await down;
  await open.event('reset', 4);
  await open.until(prompt);
  const at = open.told.flatMap((entry, index) =>
    'event' in entry && entry.event.kind === 'reset' ? [index] : [],
  );
  for (const index of at) {
    const text = (part: typeof open.told): string =>
      Buffer.concat(part.flatMap((entry) => ('bytes' in entry ? [entry.bytes] : []))).toString();
    t.match(text(open.told.slice(0, index)), /resetting \.\.\.\s*$/);
    t.match(text(open.told.slice(index)), /^\s*U-Boot 20/);
  }
  t.equal(open.eventsOf('power').length, 1);
});

vmTest('no byte of a talkative board is lost while the rig is busy', async (t) => {
  const image = join(folder, 'chatter.bin');
  writeFileSync(image, chatterFirmware());
  await using open = await OpenDevice.of({
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine: chatterMachine(image) }),
  });
  await on(open);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  await pollUntil(() => open.text.length >= chatterBytes, {
    what: 'all that it says',
    timeoutMs: generousMs,
  }).catch(() => t.comment(`only ${open.text.length} bytes came`));
  t.ok(open.text === chatter(), 'each letter came, in order');
});

vmTest('a board that powers itself off is off, by its own doing, and can be powered on again', async (t) => {
  await using open = await OpenDevice.of(uBootMaker);
  await started(open);
  await open.type('poweroff\n');
  t.same(await open.event('power', 2), { kind: 'power', state: 'off', cause: 'board' });
  t.match(open.text, /poweroff \.\.\.\s*$/, 'its last words came before the news');
  t.equal(await state(open), 'off');
  t.same(qemuChildren(), []);
  await t.rejects(open.type('x'), { code: 'console.off' });
  await started(open);
  t.same(open.eventsOf('lost'), []);
});

vmTest('QEMU killed from outside is known at once, with the signal', async (t) => {
  await using open = await OpenDevice.of(uBootMaker);
  await started(open);
  const [pid = 0] = qemuChildren();
  t.ok((open.device.cpuSeconds?.() ?? 0) > 0.05, 'it has cost CPU time');
  process.kill(pid, 'SIGKILL');
  const { error } = await open.event('lost');
  t.match(error, { code: 'qemu.killed', blame: 'rig', message: /board "board" was ended by SIGKILL/ });
  t.match(error.evidence, { pid, signal: 'SIGKILL' });
  t.same(
    open.events.slice(-2).map(({ kind }) => kind),
    ['lost', 'power'],
    'first the cause, then off',
  );
  t.equal(await state(open), 'off');
  t.ok((open.device.cpuSeconds?.() ?? 0) > 0.05, 'and its CPU time is not forgotten');
  await started(open);

  const [second = 0] = qemuChildren();
  process.kill(second, 'SIGTERM');
  const { error: terminated } = await open.event('lost', 2);
  t.match(terminated, { code: 'qemu.exited', message: /terminating on signal 15 from pid/ });
});

vmTest('a call that waits for QEMU fails with how QEMU ended', async (t) => {
  await using open = await OpenDevice.of(uBootMaker);
  await started(open);
  const [pid = 0] = qemuChildren();
  process.kill(pid, 'SIGSTOP');
  const down = open.device.capabilities.link?.down() ?? Promise.resolve();
  const rejected = t.rejects(down, { code: 'qemu.killed' });
  process.kill(pid, 'SIGKILL');
  await rejected;
  t.equal(await open.device.capabilities.link?.state(), 'up', 'what was not done is not claimed');
});

vmTest('a QEMU that hangs can be closed', async () => {
  await using open = await OpenDevice.of(uBootMaker);
  await started(open);
  for (const pid of qemuChildren()) process.kill(pid, 'SIGSTOP');
  const reset = open.device.capabilities.reset?.reset().catch((error: unknown) => error);
  await open.device[Symbol.asyncDispose]();
  await reset;
});

vmTest('SIGKILL of the controller leaves no QEMU', async (t) => {
  const program = fileURLToPath(new URL('./qemu/controller.js', import.meta.url));
  const controller = spawn(process.execPath, [program, mkdtempSync(join(folder, 'killed-'))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(controller.stdout, 'data')) as [Buffer];
  const qemu = readProcessStat(Number(said.toString()));
  t.equal(qemu?.parentPid, controller.pid);
  if (!qemu) return;
  t.ok(isRunning(qemu));
  controller.kill('SIGKILL');
  await pollUntil(() => !isRunning(qemu), { what: 'QEMU to end', timeoutMs: generousMs });
});

vmTest('two boards at once are strangers', async (t) => {
  await using one = await OpenDevice.of({ ...uBootMaker, open: (emit) => openBoard(emit, { name: 'one' }) });
  await using two = await OpenDevice.of({ ...uBootMaker, open: (emit) => openBoard(emit, { name: 'two' }) });
  const endpoint = async (open: OpenDevice, port: number) => open.device.capabilities.address?.endpoint(port);
  await t.rejects(endpoint(one, 22222), { code: 'address.board-off' });
  await Promise.all([started(one), started(two)]);
  const ports = await Promise.all([
    endpoint(one, 22222),
    endpoint(one, 80),
    endpoint(two, 22222),
    endpoint(two, 80),
  ]);
  t.equal(new Set(ports.map((found) => found?.port)).size, 4, 'each forward has a port of its own');
  await t.rejects(endpoint(one, 23), { code: 'address.unreachable-port', message: /mapped are: 22222, 80/ });
  const mac = async (open: OpenDevice): Promise<string> => {
    await open.type('printenv ethaddr\n');
    await open.until('ethaddr=');
    return (await open.until('\r')).trim();
  };
  const macs = [await mac(one), await mac(two)];
  t.match(macs[0], /^52:54:00:/);
  t.not(macs[0], macs[1]);
  await one.device.capabilities.power?.off();
  await started(one);
  t.same(await endpoint(one, 22222), ports[0], 'a power cycle keeps the port when it is still free');
  t.equal(await one.device.capabilities.address?.hostAddress(), '10.0.2.2');
  await one.type('setenv ipaddr 10.0.2.15; ping 10.0.2.2\n');
  await one.until('host 10.0.2.2 is alive');
});

vmTest('what cannot start says why, and leaves the board off', async (t) => {
  const wrongCpu = { ...uBootMachine, cpu: 'nonesuch' };
  await using open = await OpenDevice.of({
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine: wrongCpu }),
  });
  await t.rejects(on(open), {
    code: 'qemu.cannot-start',
    blame: 'rig',
    message: /unable to find CPU model 'nonesuch'/,
    evidence: { exitCode: 1, command: ['qemu-system-aarch64'] },
  });
  t.equal(await state(open), 'off');
  t.same(open.eventsOf('power'), []);

  const noFirmware = { ...uBootMachine, boot: { kind: 'u-boot' as const, image: '/nowhere/u-boot.bin' } };
  await using bare = await OpenDevice.of({
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine: noFirmware }),
  });
  await t.rejects(on(bare), { code: 'qemu.firmware-missing', hint: /u-boot-qemu/ });
  const noKernel = { ...uBootMachine, boot: { kind: 'kernel' as const, kernel: '/nowhere/Image' } };
  await using empty = await OpenDevice.of({
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine: noKernel }),
  });
  await t.rejects(on(empty), { code: 'qemu.firmware-missing', blame: 'config', message: /kernel \/nowhere/ });
});

vmTest('without QEMU on PATH the Debian package is named', async (t) => {
  const bin = mkdtempSync(join(folder, 'bin-'));
  symlinkSync(findExecutable('setpriv') ?? '/usr/bin/setpriv', join(bin, 'setpriv'));
  const path = process.env.PATH;
  process.env.PATH = bin;
  try {
    await t.rejects(
      openBoard(() => {}),
      { code: 'qemu.missing', blame: 'rig', hint: /apt-get install qemu-system-arm/ },
    );
  } finally {
    process.env.PATH = path;
  }
});

vmTest('power-on can be given up at any moment', async (t) => {
  await using open = await OpenDevice.of(uBootMaker);
  let givenUp = 0;
  for (const afterMs of [0, 4, 10, 20, 40, 60, 80]) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('given up')), afterMs);
    try {
      await open.device.capabilities.power?.on({ signal: abort.signal });
      await open.device.capabilities.power?.off();
    } catch (error) {
      givenUp += 1;
      t.match(error, { message: 'given up' });
    }
    t.equal(await state(open), 'off');
    t.same(qemuChildren(), [], `no process after ${afterMs} ms`);
  }
  t.ok(givenUp > 0);
  await started(open);
});

vmTest('the medium is an overlay: the image is never changed', async (t) => {
  const image = { path: join(folder, 'image,1.raw'), sha256: '' };
  const content = randomBytes(1024 * 1024);
  writeFileSync(image.path, content);
  chmodSync(image.path, 0o400);
  image.sha256 = sha256(content);
  await using open = await OpenDevice.of(uBootMaker);
  const { storage, power } = open.device.capabilities;
  if (!storage || !power) throw new Error('no storage');

  t.same(storage.state(), { kind: 'unknown' });
  await t.rejects(storage.read(0, 1), { code: 'storage.no-medium' });
  await t.rejects(storage.provision({ path: '/nowhere.img', sha256: '' }), { code: 'storage.image-missing' });
  await t.rejects(storage.provision(image, { mediumBytes: 512 }), { code: 'storage.medium-too-small' });
  await storage.provision(image, { mediumBytes: 4 * 1024 * 1024 });
  t.same(storage.state(), { kind: 'image', sha256: image.sha256, path: image.path });
  t.same(await storage.read(65_000, 70_000), content.subarray(65_000, 135_000), 'a range over block borders');
  t.same(await storage.read(4 * 1024 * 1024 - 2, 2), Buffer.alloc(2), 'it is as large as was asked');
  await t.rejects(storage.read(4 * 1024 * 1024 - 1, 2), { code: 'storage.out-of-range' });

  await started(open);
  await t.rejects(storage.provision(image), { code: 'storage.board-on' });
  await open.type('mw.l 41000000 deadbeef 80; virtio write 41000000 1 1\n');
  await open.until('1 blocks written: OK');
  await power.off();
  t.equal(storage.state().kind, 'dirty');
  const wanted = Buffer.from(content);
  wanted.fill(Buffer.from('efbeadde', 'hex'), 512, 1024);
  t.same(await storage.read(0, 4096), wanted.subarray(0, 4096));
  const kept = join(folder, 'kept.raw');
  await storage.keep(kept);
  const copy = readFileSync(kept);
  t.equal(copy.length, 4 * 1024 * 1024);
  t.equal(sha256(copy.subarray(0, content.length)), sha256(wanted));
  t.ok(statSync(kept).blocks * 512 < 2 * 1024 * 1024, 'the copy is sparse');
  t.equal(sha256(readFileSync(image.path)), image.sha256);

  await storage.provision(image);
  t.equal(storage.state().kind, 'image');
  t.same(await storage.read(0, 4096), content.subarray(0, 4096), 'provisioned anew');
});

vmTest("a full disk of this host is the rig's error", async (t) => {
  // In a mount namespace of its own, where the work folder is a file system of 4 MiB.
  const program = fileURLToPath(new URL('./qemu/full-disk.js', import.meta.url));
  const small = mkdtempSync(join(folder, 'small-'));
  const unshare = await runProgram('unshare', ['--map-root-user', '--mount', 'true'], {
    allowedCodes: [0, 1],
  });
  if (unshare.code !== 0) return t.comment('SKIPPED: this host gives no mount namespaces');
  const script = `mount -t tmpfs -o size=4m none "$0" && exec "$@"`;
  const { stdout } = await runProgram(
    'unshare',
    ['--map-root-user', '--mount', '/bin/sh', '-c', script, small, process.execPath, program, small],
    { timeoutMs: generousMs },
  );
  t.match(JSON.parse(stdout), {
    code: 'qemu.host-disk-full',
    blame: 'rig',
    state: 'off',
    powered: 'off by rig',
  });
});

vmTest("U-Boot's environment is what mkenvimage makes of it", async (t) => {
  const text = join(folder, 'env.txt');
  const made = join(folder, 'env.img');
  writeFileSync(text, 'bootcmd=run a; run b\nempty=\nkey=v=1\n');
  await runProgram('mkenvimage', ['-s', '0x40000', '-p', '0x00', '-o', made, text]);
  const ours = encodeEnvironment({ bootcmd: 'run a; run b', empty: '', key: 'v=1' });
  t.equal(sha256(ours), sha256(readFileSync(made)));
  t.throws(() => encodeEnvironment({ 'a=b': '' }), { code: 'qemu.bad-environment' });
  t.throws(() => encodeEnvironment({ a: 'x'.repeat(0x40000) }), { code: 'qemu.bad-environment' });
});

vmTest('UEFI variables are made once and kept', async (t) => {
  const template = join(folder, 'vars.fd');
  const stateDir = join(folder, 'state');
  writeFileSync(template, 'template');
  const path = await uefiVariables(stateDir, template);
  t.equal(readFileSync(path, 'utf8'), 'template');
  writeFileSync(path, 'changed by the board');
  t.equal(await uefiVariables(stateDir, template), path);
  t.equal(readFileSync(path, 'utf8'), 'changed by the board');
});

vmTest('KVM only where the host can', async (t) => {
  const cpuInfo = join(folder, 'cpuinfo');
  writeFileSync(cpuInfo, 'processor : 0\nflags : fpu vmx sse\n');
  const device = '/dev/null';
  t.match(chooseAccelerator('arm64', { host: 'x64', device, cpuInfo }), { name: 'tcg' });
  t.match(chooseAccelerator('amd64', { host: 'x64', device, cpuInfo }), { name: 'kvm' });
  t.match(chooseAccelerator('arm64', { host: 'arm64', device, cpuInfo }), { name: 'kvm' });
  t.match(chooseAccelerator('amd64', { host: 'x64', device: '/nowhere', cpuInfo }), {
    name: 'tcg',
    reason: /ENOENT/,
  });
  writeFileSync(cpuInfo, 'processor : 0\nflags : fpu sse\n');
  t.match(chooseAccelerator('amd64', { host: 'x64', device, cpuInfo }), { name: 'tcg', reason: /neither/ });
});

vmTest(
  'every way to hang a disk, a network card and a firmware on a machine is one that QEMU takes',
  async (t) => {
    const image = { path: join(folder, 'empty.raw'), sha256: '' };
    writeFileSync(image.path, Buffer.alloc(1024 * 1024));
    const uefi = {
      kind: 'uefi' as const,
      code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
      variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
    };
    const q35: MachineSpec = { ...uBootMachine, model: 'q35', cpu: 'qemu64', boot: uefi };
    const machines: MachineSpec[] = [
      { ...q35, disk: 'virtio-pci', nic: 'virtio-pci', rng: 'virtio-pci' },
      { ...q35, disk: 'nvme', nic: 'e1000e', rng: 'virtio-pci' },
      { ...q35, disk: 'ahci', nic: 'virtio-pci', rng: 'virtio-pci' },
      { ...uBootMachine, disk: 'virtio-pci', nic: 'virtio-pci', rng: 'virtio-pci' },
    ];
    const boots = async (machine: MachineSpec): Promise<void> => {
      const stateDir = mkdtempSync(join(folder, 'machine-'));
      await using open = await OpenDevice.of({
        ...uBootMaker,
        open: (emit) => openBoard(emit, { machine, folder: stateDir }),
      });
      await open.device.capabilities.storage?.provision(image);
      await on(open);
      t.equal(await state(open), 'on', `${machine.model} with ${machine.disk} and ${machine.nic}`);
      await open.device.capabilities.power?.off();
      if (machine.boot.kind === 'uefi') t.ok(statSync(join(stateDir, 'state', 'uefi-variables.fd')).size > 0);
    };
    for (const machine of machines) await boots(machine);
    const bare: MachineSpec = { ...uBootMachine, forward: [] };
    const { disk: _disk, nic: _nic, rng: _rng, ...none } = bare;
    await using open = await OpenDevice.of({
      ...uBootMaker,
      open: (emit) => openBoard(emit, { machine: none }),
    });
    t.same(
      Object.keys(open.device.capabilities).sort(),
      ['console', 'power', 'powerButton', 'reset', 'snapshots'],
      'a machine without a disk and a network gives no storage, link and address',
    );
    await started(open);
  },
);
