// test: vm, 12 minutes
// Long because its parts share the flasher image and what opens the boards.
// The flasher image on a two-disk virtual board: end to end through the command, and each way in which it gives up, with
// the LED pattern that says so and the log on its medium.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildFlasher } from '../qemu/image/flasher.js';
import { inspectImage } from '../qemu/image/inspect.js';
import { mediumWriter } from '../rig/cli/medium-writer.js';
import { cacheDir } from '../rig/config/folders.js';
import { packageRoot } from '../rig/config/package.js';
import type { Image, MachineSpec } from '../rig/contracts/board.js';
import type { RigEvent } from '../rig/contracts/events.js';
import type { MediumWriter } from '../rig/contracts/medium-writer.js';
import { patternOf } from '../rig/core/board/line-pattern.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import { readEvents, World } from './e2e/world.js';
import { openFlasherBoard } from './flasher/board.js';
import { netbootDesk } from './flasher/netboot-desk.js';

t.setTimeout(720_000);

const request = { flavour: 'tiny', arch: 'arm64', variant: 'dev', version: '1.0.0' } as const;
const built = await buildFlasher(request, { cacheDir: cacheDir(process.env) });
const flasher: Image = { ...built };

t.test('end to end: rig run flashing on the board that a flasher installs', async (t) => {
  using world = new World();
  const ended = await world.rig([
    ...[
      'run',
      'flashing',
      '--board',
      'virt-arm64-flasher',
      '--report',
      'report',
      '--only',
      'flasher|reads back',
    ],
  ]);
  t.equal(ended.code, 0, ended.stdout + ended.stderr);
  t.match(ended.stdout, '2 passed');
  const lines = readFileSync(join(world.cwd, 'report/events.ndjson'), 'utf8').trim().split('\n');
  const events = lines.map((line) => JSON.parse(line) as RigEvent);
  const steps = events.flatMap((event) =>
    event.type === 'provision' && event.phase === 'end' ? [event.what] : [],
  );
  t.equal(steps.length % 7, 0, 'every step of the plan is in the record');
  t.ok(events.filter(({ type }) => type === 'edge').length > 8, 'and what the LED did');
  const page = readFileSync(join(world.cwd, 'report/report.html'), 'utf8');
  t.match(page, 'Provision (flasher) 6 of 7', 'the report shows the plan');
  t.match(page, '<span>status</span>', 'and the LED as a lane');
});

t.test('flash: netboot, the same flasher from the network, served by the rig', async (t) => {
  using world = new World();
  const words = ['run', 'flashing', '--board', 'virt-arm64-netboot', '--report', 'report'];
  const { code, stdout, stderr } = await world.rig([...words, '--only', 'flasher']);
  t.equal(code, 0, stdout + stderr);
  t.match(stdout, '1 passed');
  const events = readEvents(join(world.cwd, 'report'));
  const steps = events.flatMap((event) =>
    event.type === 'provision' && event.phase === 'end' ? [`${event.method}: ${event.what}`] : [],
  );
  t.same(steps.slice(-5), [
    'netboot: power off',
    'netboot: offer the flasher over the network',
    'netboot: power on',
    'netboot: the flasher copies the image from the rig to the internal storage and powers off',
    'netboot: offer nothing over the network',
  ]);
  t.match(readFileSync(join(world.cwd, 'report/report.html'), 'utf8'), 'Provision (netboot) 4 of 5');
});

t.test(
  'what a board gets from the network: files by TFTP, the image and the configuration by HTTP',
  async (t) => {
    const folder = folderOf(t);
    const { partitions } = await inspectImage(flasher.path);
    const inner = partitions.find(({ name }) => name === 'flash-image');
    t.ok(inner, 'the flasher holds an image');
    const [start, size] = [inner?.startBytes ?? 0, inner?.sizeBytes ?? 0];
    const get = async (path: string): Promise<{ status: number; body: Buffer }> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
    };
    const served = await mediumWriter.serve(flasher, { bindAddress: '127.0.0.1' });
    const { files } = served;
    const port = Number(
      /^rig_port=(\d+)\n$/.exec(readFileSync(join(files.folder, 'netboot.env'), 'utf8'))?.[1],
    );
    t.same(readdirSync(files.folder).sort(), ['Image', 'boot.scr', 'initrd', 'netboot.env', 'netboot.scr']);
    t.ok(existsSync(join(files.folder, files.bootFile)));
    writeFileSync(join(folder, 'files.tar'), (await get('/files.tar')).body);
    const listed = execFileSync('tar', ['-tf', join(folder, 'files.tar')], { encoding: 'utf8' });
    t.same(listed.split('\n').filter(Boolean).sort(), ['config.json', 'image.ranges']);
    const { body } = await get('/blocks/256/1024');
    writeFileSync(join(folder, 'blocks'), body);
    const where = `${start + 256 * 4096}:0`;
    execFileSync('cmp', ['-n', String(1024 * 4096), '-i', where, flasher.path, join(folder, 'blocks')]);
    t.equal((await get(`/blocks/${size / 4096 - 1}/1`)).body.length, 4096, 'the last block');
    for (const path of [`/blocks/${size / 4096}/1`, '/blocks/0/0', '/blocks/-1/1', '/../flasher', '/'])
      t.equal((await get(path)).status, 404, path);
    await served[Symbol.asyncDispose]();
    t.notOk(existsSync(files.folder), 'nothing is left of it');
    await t.rejects(get('/files.tar'), 'and nobody answers');
    await t.rejects(
      mediumWriter.serve({ path: noFlasher(folder), sha256: '' }, { bindAddress: '127.0.0.1' }),
      {
        code: 'image.not-a-flasher',
        blame: 'config',
      },
    );
  },
);

function noFlasher(folder: string): string {
  const path = join(folder, 'no-flasher.img');
  writeFileSync(path, Buffer.alloc(1024 * 1024));
  return path;
}

t.test('what came over the network is on the disk, by cmp', async (t) => {
  await using opened = await openFlasherBoard(folderOf(t), { name: 'virt-arm64-netboot' });
  const { board } = opened;
  await board.provision(flasher);
  const { partitions } = await inspectImage(flasher.path);
  const inner = partitions.find(({ name }) => name === 'flash-image');
  await board.medium.atRig(async ({ path }) => {
    // Behind the boot partition, to which the flasher hands its configuration.
    const root = (await inspectImage(path)).partitions.find(({ name }) => name === 'resin-rootA');
    const [from, start] = [root?.startBytes ?? 0, inner?.startBytes ?? 0];
    // In front of the copy of the partition table at the end, which is not where the disk ends.
    const bytes = (inner?.sizeBytes ?? 0) - from;
    t.ok(bytes > 150 * 1024 * 1024, `${bytes} bytes`);
    execFileSync('cmp', ['-n', String(bytes), '-i', `${start + from}:${from}`, flasher.path, path]);
  });
});

t.test('the rig stops serving half-way: the flasher gives up, and is offered no more', async (t) => {
  const served: AsyncDisposable[] = [];
  const writer: MediumWriter = {
    ...mediumWriter,
    async serve(image, options) {
      const one = await mediumWriter.serve(image, options);
      served.push(one);
      return one;
    },
  };
  await using opened = await openFlasherBoard(folderOf(t), { name: 'virt-arm64-netboot', writer });
  const { board } = opened;
  const says = (text: RegExp) =>
    pollUntil(() => text.test(board.consoleTail(8_000)), {
      what: `${text} on the console`,
      timeoutMs: 240_000,
    });
  const failed = board.provision(flasher).then(
    () => undefined,
    (error: { code?: string; message?: string }) => error,
  );
  await says(/flasher progress/);
  await served[0]?.[Symbol.asyncDispose]();
  t.match(await failed, { code: 'provision.flasher-failed', message: /failed write-error: at block \d+/ });
  // The end of its log, which it has no medium to leave on.
  await says(/wget: /);
  const steps = opened.events.filter(({ type }) => type === 'provision');
  t.match(steps.at(-1), { step: 4, phase: 'end', error: { code: 'provision.flasher-failed' } });
});

t.test('flash: netboot on a wired board, offered by commands of its lab', async (t) => {
  using world = new World();
  const at = (name: string): string => join(world.cwd, name);
  world.write(netbootDesk(at));
  const { code, stdout, stderr } = await world.rig(['up', 'desk', '--image', flasher.path]);
  t.equal(code, 0, stdout + stderr);
  t.match(stderr, 'desk: 5/5 offer nothing over the network');
  t.notOk(existsSync(at('tftp')), 'nothing is offered any more');
  const { partitions } = await inspectImage(flasher.path);
  const { startBytes = 0, sizeBytes = 0 } = partitions.find(({ name }) => name === 'flash-image') ?? {};
  t.ok(sizeBytes > 0, `${sizeBytes} bytes`);
  execFileSync('cmp', ['-n', String(sizeBytes), '-i', `${startBytes}:0`, flasher.path, at('disk')]);
  t.equal((await world.rig(['down', 'desk'])).code, 0);
});

t.test('flash: sd, the plan of a board whose card a mux takes to the rig', async (t) => {
  using world = new World();
  const direct = readFileSync(join(packageRoot, 'rig/boards/virt-arm64.yaml'), 'utf8');
  world.write({
    'with-card.yaml': direct.replace('flash: direct', 'flash: sd'),
    'lab.yaml': 'boards:\n  desk:\n    type: ./with-card.yaml\n',
  });
  const { code, stdout, stderr } = await world.rig([
    ...[
      'run',
      'boot',
      '--board',
      'desk',
      '--cold',
      '--report',
      'report',
      '--only',
      '/boots through every stage',
    ],
  ]);
  t.equal(code, 0, stdout + stderr);
  const steps = readEvents(join(world.cwd, 'report')).flatMap((event) =>
    event.type === 'provision' && event.phase === 'end' ? [`${event.method}: ${event.what}`] : [],
  );
  t.same(steps, [
    'sd: power off',
    'sd: medium to the rig',
    'sd: write the drive and read it back',
    'sd: medium to the board',
  ]);
});

/** Short enough for the path of a socket in it. */
function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'flasher-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Lets the flasher fail, and gives what it left: what the LED showed after that, and the log on the medium. */
async function failure(
  t: Test,
  { image, machine }: { image: Image; machine: (before: MachineSpec) => MachineSpec },
): Promise<{ said: string; groups: readonly number[]; log: string }> {
  await using opened = await openFlasherBoard(folderOf(t), { change: machine });
  const { board } = opened;
  const failed = await board.provision(image).then(
    () => undefined,
    (error: { code?: string; message?: string }) => error,
  );
  t.equal(failed?.code, 'provision.flasher-failed');
  t.equal(await board.power.state(), 'on', 'it stays on, so that whoever comes sees it');
  const groups = await (async () => {
    await using watch = await board.gpio.watch('status');
    return await pollUntil(
      () => {
        const found = patternOf(watch.edges).groups;
        return found.length >= 4 && found;
      },
      { what: 'four groups of flashes', timeoutMs: 60_000 },
    );
  })();
  await board.power.off();
  const log = await board.medium.atRig(async ({ path }) =>
    execFileSync('mtype', ['-i', `${path}@@4M`, '::flasher.log'], { encoding: 'utf8' }),
  );
  return { said: failed?.message ?? '', groups, log };
}

/** The first group may have been under way when the watch began, and a busy host may miss a flash. */
function inThrees(groups: readonly number[]): boolean {
  const threes = groups.slice(1).filter((count) => count === 3).length;
  return threes * 2 > groups.length - 1;
}

t.test('an internal medium that is too small', async (t) => {
  const { said, groups, log } = await failure(t, {
    image: flasher,
    machine: (machine) => ({ ...machine, mediumMiB: 128 }),
  });
  t.match(said, /failed too-small: \/dev\/vdb has 134217728 bytes/);
  t.ok(inThrees(groups), `three flashes and a pause: ${groups.join(', ')}`);
  t.match(log, /failed too-small/);
  t.notMatch(log, /writing version/, 'nothing was written');
});

t.test('no internal medium at all: it never takes its own', async (t) => {
  const { said, log } = await failure(t, {
    image: flasher,
    machine: ({ disk: _, ...machine }) => machine,
  });
  t.match(said, /failed no-target/);
  t.match(log, /holds this flasher/);
});

t.test('the copy on its medium is damaged: what was written is read back and found wrong', async (t) => {
  const image = join(folderOf(t), 'damaged.img');
  execFileSync('cp', ['--sparse=always', flasher.path, image]);
  execFileSync('chmod', ['u+w', image]);
  // Without the block map beside it, which would catch it here already.
  const { partitions } = await inspectImage(image);
  const inner = partitions.find(({ name }) => name === 'flash-image')?.startBytes ?? 0;
  const byte = Buffer.alloc(1);
  const file = openSync(image, 'r+');
  const offset = inner + 53 * 1024 * 1024;
  readSync(file, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(file, byte, 0, 1, offset);
  const sha256 = createHash('sha256').update(readFileSync(image)).digest('hex');
  const { said, log } = await failure(t, {
    image: { path: image, sha256, sizeBytes: flasher.sizeBytes },
    machine: (machine) => machine,
  });
  t.match(said, /failed verify-error: blocks \d+ to \d+ of \/dev\/vdb differ/);
  t.match(log, /verifying/);
});

t.test('equal inputs give equal flashers, and it names what it installs', async (t) => {
  const folder = folderOf(t);
  copyFileSync(built.manifestPath, join(folder, 'manifest.json'));
  const again = await buildFlasher(request, { cacheDir: cacheDir(process.env), noCache: true });
  t.equal(again.sha256, built.sha256);
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { flashes?: string };
  t.match(manifest.flashes, /^[0-9a-f]{64}$/);
  execFileSync('bmaptool', ['copy', '--bmap', built.bmapPath, built.path, join(folder, 'medium')], {
    stdio: 'ignore',
  });
  execFileSync('cmp', [built.path, join(folder, 'medium')]);
  await t.rejects(buildFlasher({ ...request, arch: 'amd64' }, { cacheDir: cacheDir(process.env) }), {
    code: 'image.no-flasher',
  });
});
