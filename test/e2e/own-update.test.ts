// test: vm, 10 minutes
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { buildImage } from '../../qemu/image/build.js';
import { cacheDir } from '../../rig/config/folders.js';
import { packageRoot } from '../../rig/config/package.js';
import { parseGpt } from '../../suites/facts/gpt.js';
import { World } from './world.js';

t.setTimeout(600_000);

const blockBytes = 512;
/** Of a GPT's header and entries, behind the first block. */
const tableBytes = 64 * 1024;

/** A product of nobody on the small image: `dd`, and the bootloader's environment. An update is the bytes of a root. */
const running = "$(sed -n 's/.*rig[.]slot=\\([AB]\\).*/\\1/p' /proc/cmdline)";
const update = {
  driver: 'command',
  slots: { A: 'resin-rootA', B: 'resin-rootB' },
  tries: 3,
  fetch: { folder: '/mnt/data', command: 'wget -q -O {file} {url}' },
  install: [
    `case ${running} in A) new=B old=A part=3 ;; *) new=A old=B part=2 ;; esac`,
    'fw_setenv BOOT_"$new"_LEFT 0',
    'dd if={bundle} of=/dev/vda$part bs=1M conv=fsync',
    'fw_setenv BOOT_"$new"_LEFT 3',
    'fw_setenv BOOT_ORDER "$new $old"',
  ].join(' && '),
  active: `echo ${running}`,
  next: 'for s in $(fw_printenv -n BOOT_ORDER); do [ $((0x$(fw_printenv -n BOOT_"$s"_LEFT))) -gt 0 ] && echo $s && break; done',
  health: '[ $((0x$(fw_printenv -n BOOT_{slot}_LEFT))) -gt 3 ] && echo good || echo unknown',
  kill: 'killall -9 dd',
};

/** The bytes of the first root of the reference image of that version. */
async function rootOf(version: string): Promise<Buffer> {
  const request = { flavour: 'tiny', arch: 'arm64', variant: 'dev', version } as const;
  const { path } = await buildImage(request, { cacheDir: cacheDir(process.env) });
  await using file = await open(path, 'r');
  const head = Buffer.alloc(tableBytes);
  await file.read(head, 0, head.length, blockBytes);
  const entry = parseGpt(head, blockBytes)?.find(({ name }) => name === 'resin-rootA');
  if (!entry) throw new Error(`${path} has no root`);
  const root = Buffer.alloc((entry.lastBlock + 1 - entry.firstBlock) * blockBytes);
  await file.read(root, 0, root.length, entry.firstBlock * blockBytes);
  return root;
}

t.test("a person's own update, by commands of a person's own profile", async (t) => {
  using world = new World();
  const shipped = (name: string): string => readFileSync(join(packageRoot, 'rig', name), 'utf8');
  const profile = parse(shipped('profiles/resinos.yaml')) as Record<string, unknown>;
  const { signs } = profile.update as Record<string, unknown>;
  world.write({
    'lab.yaml': 'boards:\n  mine:\n    type: ./mine.yaml\n',
    'mine.yaml': shipped('boards/virt-arm64.yaml')
      .replace(/^name: .*$/m, 'name: mine')
      .replace(/^profile: .*$/m, 'profile: ./product.yaml'),
    'product.yaml': stringify({ ...profile, name: 'product', update: { ...update, signs } }),
    'root.bin': await rootOf('1.0.1'),
  });
  const missing = await world.start(['run', 'rollback', '--update', 'nowhere.bin']).ended;
  t.equal(missing.code, 2, 'an update that is not there is bad input');
  t.match(missing.stderr, 'nowhere.bin');
  const { code, stdout, stderr } = await world.start(
    ['run', 'rollback', '--board', 'mine', '--update', 'root.bin', '--only', 'keeps state|stranger'],
    { timeoutMs: 540_000 },
  ).ended;
  t.equal(code, 0, stderr + stdout);
  t.match(stdout, /✓ mine\/rollback\/an update comes up/);
  t.match(stdout, /skipped .*the rig cannot make an update signed by a stranger of this product/);
});
