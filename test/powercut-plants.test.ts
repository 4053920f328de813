// test: vm, full, 60 minutes
/** Defects of bootloaders and updaters that are planted on purpose: the explorer must find each, name it and shrink it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { buildImage } from '../qemu/image/build.js';
import { cacheDir } from '../rig/config/folders.js';
import type { BuildRequest } from '../rig/contracts/image-builder.js';
import type { Certificate } from '../rig/contracts/powercut-verdict.js';
import type { PowercutSummary } from '../rig/core/powercut/judge/certificate.js';
import { World } from './e2e/world.js';
import { recordEarlySwitch } from './powercut-judge/recorded-writes.js';

tap.setTimeout(60 * 60_000);

async function explored(
  t: Test,
  {
    board,
    image,
    options,
  }: {
    board: string;
    image: Pick<BuildRequest, 'arch' | 'plant'>;
    options: readonly string[];
  },
): Promise<{ certificate: Certificate; code: number | null; world: World; folder: string }> {
  const world = new World();
  t.teardown(() => world[Symbol.dispose]());
  const request = { flavour: 'tiny', variant: 'dev', version: '1.0.0', ...image } as const;
  const { path } = await buildImage(request, { cacheDir: cacheDir(process.env) });
  const folder = join(world.cwd, 'cut');
  const words = ['powercut', board, '--from', path, '--seed', '1', '--report', folder, ...options];
  const { code, stderr } = await world.rig(words, { timeoutMs: 35 * 60_000 });
  t.comment(stderr);
  const certificate = JSON.parse(readFileSync(join(folder, 'certificate.json'), 'utf8')) as Certificate;
  t.same(certificate.checked.disagreed, []);
  return { certificate, code, world, folder };
}

tap.test('grub-editenv on FAT empties the file before it writes it: the board resets for ever', async (t) => {
  const { certificate, code, world, folder } = await explored(t, {
    board: 'virt-x86-64',
    image: { arch: 'amd64', plant: 'plain-grubenv' },
    options: ['--command', 'grub-editenv /mnt/boot/EFI/BOOT/grubenv set A_TRY=1', '--budget', '4m'],
  });
  t.equal(code, 1);
  t.ok(certificate.verdicts.bricked > 0);
  const [brick] = certificate.counterexamples;
  t.equal(brick?.writes.length, 1, 'one write is enough');
  t.match(brick?.writes[0]?.what ?? '', /^file \/EFI\/BOOT\/grubenv: .*resin-boot/, 'the file is named');
  t.ok(brick?.replay !== undefined && existsSync(join(folder, brick.replay)));
  const replayed = await world.rig(['powercut', 'replay', join(folder, brick?.replay ?? '')]);
  t.equal(replayed.code, 1, replayed.stderr);
});

/** Copies the running slot into the other one and makes that one the only one to boot. */
function switcher({ order }: { order: 'copy first, without a flush' | 'switch first' }): string {
  // There is no /dev/disk/by-partlabel before RAUC was called.
  const copy =
    '(. /usr/lib/boardrig/common.sh && dd if=$(part_of_label resin-rootA) of=$(part_of_label resin-rootB) bs=1M)';
  // In one write: a second one would come behind the first one's flush, which makes the copy durable too.
  const change =
    "printf 'BOOT_ORDER=B\\nBOOT_A_LEFT=0\\nBOOT_B_LEFT=9\\n' >/tmp/switch && fw_setenv -s /tmp/switch";
  return order === 'switch first' ? `${change} && sync && ${copy}` : `${copy} && ${change}`;
}

for (const order of ['copy first, without a flush', 'switch first'] as const) {
  tap.test(`an updater that switches to a slot that is not whole: ${order}`, async (t) => {
    const { certificate } = await explored(t, {
      board: 'virt-arm64',
      image: { arch: 'arm64' },
      options: ['--command', switcher({ order }), '--budget', '5m'],
    });
    const bad = certificate.verdicts.bricked + certificate.verdicts.recovered + certificate.verdicts.dataLost;
    t.ok(bad > 0, 'some cut leaves a slot that does not come up at the first try');
  });
}

for (const plant of [undefined, 'no-count'] as const) {
  const what = plant === undefined ? 'that falls brings it back' : 'that never falls resets it for ever';
  tap.test(`a cut leaves a board in a slot without an init: a counter ${what}`, async (t) => {
    using world = new World();
    const folder = join(world.cwd, 'cut');
    const request = { flavour: 'tiny', arch: 'arm64', variant: 'dev', version: '1.0.0', plant } as const;
    const image = await buildImage(request, { cacheDir: cacheDir(process.env) });
    recordEarlySwitch(folder, { image, board: 'virt-arm64' });
    const explore = ['powercut', 'virt-arm64', '--resume', folder, '--jobs', '2', '--json'];
    const { code, stdout, stderr } = await world.rig(explore, { timeoutMs: 20 * 60_000 });
    t.comment(stderr);
    const { left } = JSON.parse(stdout) as PowercutSummary;
    t.equal(left, 0);
    const { judged } = JSON.parse(readFileSync(join(folder, 'certificate.json'), 'utf8')) as Certificate;
    const verdicts = new Map(judged.map(({ state, verdict }) => [state, verdict]));
    t.match(verdicts.get('e0:boundary'), { outcome: 'old', slot: 'A', tries: 1 }, 'before the switch');
    t.match(verdicts.get('e1:prefix:w2'), { outcome: 'old', slot: 'B', tries: 1 }, 'when all is written');
    const between = verdicts.get('e1:boundary');
    if (plant === undefined) t.match(between, { outcome: 'recovered', slot: 'A', tries: 4 });
    else t.match(between, { outcome: 'bricked', brick: 'reset-loop' });
    t.equal(code, plant === undefined ? 0 : 1, stderr);
  });
}
