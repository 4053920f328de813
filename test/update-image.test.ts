// test: vm
/**
 * Updates of the tiny image for arm64: bundles judged by Debian's own rauc, and one board that is updated, reboots into the
 * new slot, is given a broken update and comes back.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import tap, { type Test } from 'tap';
import { buildImage } from '../qemu/image/build.js';
import { buildBundle, buildBundleOf } from '../qemu/image/bundle/build-bundle.js';
import { inspectBundle } from '../qemu/image/bundle/inspect-bundle.js';
import { signingKey } from '../qemu/image/signing-key.js';
import {
  encodeEnvironmentCopy,
  environmentBytes,
  environmentCopies,
  initialEnvironment,
} from '../qemu/image/uboot-environment.js';
import { compiledBoardType } from '../rig/config/compiled-board-types.js';
import { cacheDir } from '../rig/config/folders.js';
import { packageRoot } from '../rig/config/package.js';
import type { BundleRequest } from '../rig/contracts/image-builder.js';
import { OpenDevice } from './conformance/device.js';
import { openBoard } from './qemu/boards.js';

const cache = cacheDir(process.env);
const rig = join(packageRoot, 'dist/rig/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'update-image-'));
tap.setTimeout(600_000);
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));

const request = (version: string, more: Partial<BundleRequest> = {}): BundleRequest => ({
  flavour: 'tiny',
  arch: 'arm64',
  variant: 'dev',
  version,
  ...more,
});
const image = await buildImage(request('1.0.0'), { cacheDir: cache });
const update = await buildBundle(request('1.1.0'), { cacheDir: cache });
const key = await signingKey(cache);
const keyring = join(folder, 'keyring.pem');
writeFileSync(keyring, key.certificate);

/** What Debian's rauc says of a bundle that a board with our keyring would be given. */
function raucInfo(bundle: string): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('rauc', [`--keyring=${keyring}`, 'info', bundle], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: folder, LC_ALL: 'C' },
  });
  return { code: status, text: stdout + stderr };
}

tap.test('a bundle is what RAUC takes for one, and the same each time', async (t: Test) => {
  const { code, text } = raucInfo(update.path);
  t.equal(code, 0, text);
  t.match(text, /Compatible:\s+'boardrig-virt-arm64'/);
  t.match(text, /Version:\s+'1\.1\.0'/);
  t.match(text, /Bundle Format:\s+verity/);
  const again = await buildBundle(request('1.1.0'), { cacheDir: cache, noCache: true });
  t.equal(again.sha256, update.sha256);
  const found = await buildBundle(request('1.1.0'), { cacheDir: cache });
  t.same(found, { ...again, cached: true }, 'found again');
  t.equal((await buildBundleOf(image.path, { options: { cacheDir: cache } })).version, '1.0.0', 'of a file');
});

tap.test('a bundle of a stranger is refused, and one of another board says so', async (t: Test) => {
  const stranger = await buildBundle(request('1.1.0', { signer: 'stranger', compatible: 'other-board' }), {
    cacheDir: cache,
  });
  const { code, text } = raucInfo(stranger.path);
  t.not(code, 0);
  t.match(text, /signature verification failed/i);
  t.match(await inspectBundle(stranger.path), {
    compatible: 'other-board',
    version: '1.1.0',
    format: 'verity',
    images: [{ slot: 'rootfs', sizeBytes: 72 * 1024 * 1024 }],
    signer: 'CN=boardrig bundle stranger',
  });
});

tap.test('from the command line', async (t: Test) => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [rig, 'image', ...args], { encoding: 'utf8', cwd: folder });
  const built = run(
    'bundle',
    'tiny',
    '--image-version',
    '1.1.0',
    '--fault',
    'no-init',
    '--output',
    'broken.raucb',
    '--json',
  );
  t.equal(built.status, 0, built.stderr);
  t.match(JSON.parse(built.stdout), { version: '1.1.0', path: join(folder, 'broken.raucb') });
  t.match(run('inspect', 'broken.raucb').stdout, /^compatible\s+boardrig-virt-arm64\nversion\s+1\.1\.0$/m);
  for (const [args, says] of [
    [['bundle', 'tiny', '--fault', 'gremlins'], 'Unknown --fault "gremlins"'],
    [['bundle', 'tiny', '--fault', 'engine'], 'The tiny image has nothing for the fault engine to break'],
    [['bundle', keyring], 'is no image of the reference OS'],
  ] as const) {
    const { status, stdout, stderr } = run(...args);
    t.equal(status, 2, stderr);
    t.match(stdout + stderr, says);
  }
});

const machine = compiledBoardType('virt-arm64')?.type.machine;

tap.test('a board is updated, and comes back from an update that panics', async (t: Test) => {
  const broken = await buildBundle(request('1.2.0', { fault: 'panic' }), { cacheDir: cache });
  await using server = await serve({ '/good': update.path, '/broken': broken.path });
  await using open = await OpenDevice.of({
    open: (emit) => openBoard(emit, machine ? { machine } : {}),
    started: '',
    question: { line: '', answer: '' },
  });
  const { power, storage } = open.device.capabilities;
  const prompt = ':~# ';
  /** What the board says to a line. What is typed before there is a prompt is lost. */
  const shell = async (line: string): Promise<string> => {
    await open.type(`${line}\n`);
    return open.until(prompt);
  };
  const logIn = async (): Promise<void> => {
    await open.until('login: ');
    await shell('root');
  };
  const install = async (path: string): Promise<void> => {
    await shell(`wget -q -O /mnt/data/update http://10.0.2.2:${server.port}${path}`);
    t.match(await shell('rauc install /mnt/data/update; rm /mnt/data/update'), /update` succeeded/);
    await open.type('reboot\n');
  };
  await storage?.provision(image, { mediumBytes: 512 * 1024 * 1024 });
  await power?.on();
  await open.until('health good slot=A');
  await logIn();
  const copies = environmentCopies.map(
    (at) => `dd if=/dev/vda bs=${environmentBytes} skip=${at / environmentBytes} count=1`,
  );
  const hash = await shell(`(${copies.join('; ')}) 2>/dev/null | sha256sum`);
  const asBuilt = [0, 1].map((number) => encodeEnvironmentCopy(initialEnvironment, { number }));
  const expected = createHash('sha256').update(Buffer.concat(asBuilt)).digest('hex');
  t.match(hash, expected, 'a good slot starts and stays good without a write');
  await install('/good');
  for (const said of ['slot=B left=2 why=first', 'init version=1.1.0 slot=B', 'health good slot=B'])
    await open.until(`boardrig: ${said.startsWith('slot') ? 'bootloader ' : ''}${said}`);
  await logIn();
  t.match(await shell('fw_printenv'), /BOOT_A_LEFT=9\r\nBOOT_B_LEFT=9\r\nBOOT_ORDER=B A/);
  await install('/broken');
  for (const left of [2, 1, 0]) {
    await open.until(`boardrig: bootloader slot=A left=${left} why=first`);
    await open.until('Kernel panic - not syncing');
  }
  await open.until('boardrig: bootloader slot=B left=9 why=next');
  await open.until('boardrig: health good slot=B');
  await power?.off();
});

interface Server extends AsyncDisposable {
  readonly port: number;
}

/** Serves files to the board, which reaches this host as 10.0.2.2. */
async function serve(files: Readonly<Record<string, string>>): Promise<Server> {
  const server = createServer((asked, answer) => {
    const file = files[asked.url ?? ''];
    if (file === undefined) answer.writeHead(404).end();
    else
      pipeline(
        createReadStream(file),
        answer.writeHead(200, { 'content-length': statSync(file).size }),
        () => {},
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
