// test: vm, full, 25 minutes
// The real drivers on the kernel's real interfaces: one boot of the lab host serves all. The programs in inside/ run in it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { buildBundle } from '../../qemu/image/bundle/build-bundle.js';
import { buildLabHost } from '../../qemu/labhost/build.js';
import { LabHost } from '../../qemu/labhost/lab-host.js';
import { cacheDir } from '../../rig/config/folders.js';
import { packageRoot } from '../../rig/config/package.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';
import { referenceImage } from '../snapshots/guest.js';
import { writeDeskLab } from './desk-lab.js';
import { portLine, Wires, wiredLines } from './outside-board.js';
import { playedBoard } from './played-board.js';
import { plugDevices } from './usb-devices.js';
import { virtualOutside } from './virtual-outside.js';

t.setTimeout(25 * 60_000);

/** `LABHOST_TRACE=1` shows what the programs inside print, as they do: a time-out then tells how far they came. */
const show = (text: string): void => {
  if (process.env.LABHOST_TRACE === '1') process.stderr.write(text);
};

const workDir = await mkdtemp(join(tmpdir(), 'labhost-'));
const wires = new Wires();
writeDeskLab(workDir);
const building = { cacheDir: cacheDir(process.env), progress: (line: string) => t.comment(line) };
const files = await buildLabHost(building);
// What changes on this host while the lab host runs may not be seen in it.
const { path: image } = await referenceImage();
const update = { flavour: 'tiny', arch: 'arm64', variant: 'dev', version: '1.0.1' } as const;
for (const wanted of [update, { ...update, fault: 'no-init' as const }]) await buildBundle(wanted, building);
const host = await LabHost.start({ files, workDir, onLine: wires.line });
t.teardown(async () => {
  t.comment(`the lab host took ${host.cpuSeconds.toFixed(0)} CPU s`);
  await host[Symbol.asyncDispose]();
  await rm(workDir, { recursive: true, force: true });
});
await host.chip('bench', ['SWITCH', 'ACTIVE_LOW', 'LAMP', 'TWIN']);
await host.chip('wires', wiredLines);
await host.usb.plugSerial();
await host.watchPort(portLine);

/** Whole suites, and one flash, and one update with its rollback. */
const suitesOfTheDesk =
  '^(boot|networking)/|^flashing/the medium reads back|^rollback/an update comes up and keeps state';

/** Runs one of the programs in inside/; `asked` is what it can have done out here. */
async function inside(
  t: Test,
  name: string,
  asked: Readonly<Record<string, () => Promise<void>>> = {},
): Promise<void> {
  const outside = new SerialQueue();
  const { code, stdout, stderr } = await host.run(
    process.execPath,
    [join(packageRoot, 'dist/test/labhost/inside', `${name}.js`)],
    {
      env: { TAP_RCFILE: '/nonexistent' },
      onOutput: (text) => {
        show(text);
        for (const [, what = ''] of text.matchAll(/^# outside: (.*)$/gm))
          void outside.run(async () => asked[what]?.()).catch((error) => wires.errors.push(error));
      },
    },
  );
  t.same(wires.errors, [], 'the wires did as they were told');
  const passed = [...stdout.matchAll(/^ok \d+ - (.*?)(?: # time.*)?( \{)?$/gm)].map(([, test = '']) => test);
  for (const test of passed) t.pass(test);
  if (!t.equal(code, 0, `${name} ends well`)) t.comment(`${stdout.slice(-6000)}\n${stderr.slice(-2000)}`);
  t.ok(passed.length > 0, 'and asserted something');
}

await t.test('the rig in the lab host, with an ordinary lab file, on a board of QEMU', async (t) => {
  await using board = await virtualOutside(workDir, {
    wire: host.cable,
    say: (bytes) => void host.serial.write(bytes),
    lost: (error) => void wires.errors.push(error),
  });
  await using _wired = wires.connect(host, board);
  const rig = (...args: string[]) =>
    host.run(process.execPath, [join(packageRoot, 'dist/rig/cli/main.js'), ...args], {
      cwd: workDir,
      onOutput: show,
      env: {
        XDG_RUNTIME_DIR: '/run',
        XDG_STATE_HOME: '/run/state',
        XDG_CACHE_HOME: dirname(building.cacheDir),
      },
    });
  await t.test('rig check desk', async (t) => {
    const { code, stdout, stderr } = await rig('check', 'desk');
    t.comment(stdout, stderr);
    t.equal(code, 0);
    t.match(stdout, /power on/);
    t.match(stdout, /mux/);
  });
  await t.test('rig run', async (t) => {
    const { code, stdout, stderr } = await rig(
      ...['run', 'boot', 'networking', 'flashing', 'rollback', '--only', suitesOfTheDesk],
      ...['--board', 'desk', '--image', image, '--report', '/run/report'],
    );
    t.comment(stdout, stderr);
    t.equal(code, 0, 'all passed');
    for (const test of [
      'boot/boots through every stage in order',
      'boot/a power cut gives a new boot id and keeps what was synced',
      'networking/has a default route through the network of its address',
      'networking/takes its address by DHCP',
      'networking/reaches an HTTP server of the rig',
      'networking/notices that the link is down and recovers when it is up',
      'flashing/the medium reads back as the image; a changed block is caught and alone written anew',
      'rollback/an update comes up and keeps state and data; the next one cannot, and the board returns',
    ])
      t.ok(stdout.includes(`✓ desk/${test}`), test);
  });
  await t.test('the network of the lab host is as it was', async (t) => {
    const { stdout } = await host.run('ip', ['-oneline', 'address', 'show', 'up']);
    t.match(stdout, /^1: lo /);
    t.notMatch(stdout, /^[2-9]/m, 'no other interface is up, and none has an address');
  });
  t.same(wires.errors, []);
  t.comment(`the board took ${board.cpuSeconds().toFixed(0)} CPU s`);
});

await t.test('GPIO drivers on gpio-sim, beside gpioset, gpioget and gpiomon', (t) => inside(t, 'gpio'));

await t.test('a network port and two radios, beside ip, iw, wpa_supplicant and busybox', (t) =>
  inside(t, 'network'),
);

await t.test('a board behind a relay, an FTDI adapter, a mux and a line', async (t) => {
  const card = join(workDir, 'card.raw');
  await writeFile(card, Buffer.alloc(4 * 1024 * 1024));
  const pulls = new SerialQueue();
  await using _wired = wires.connect(
    host,
    playedBoard({
      card,
      say: (text) => void host.serial.write(text),
      led: (level) =>
        void pulls.run(() => host.pull('LED', level)).catch((error) => wires.errors.push(error)),
    }),
  );
  await inside(t, 'wired', { unplug: () => host.usb.unplugSerial(), plug: () => host.usb.plugSerial() });
});

await t.test('USB devices that are emulated down to their wires', async (t) => {
  await using _wired = await plugDevices(host, { wires, workDir });
  await t.test('FTDI adapters, beside stty and termios', (t) => inside(t, 'usb-serial'));
  await t.test('USB-SD-Mux and SDWire, beside usbsdmux and gpioset', (t) => inside(t, 'usb-muxes'));
});
