// test: light
// `rig new`: what it writes is read, listed and run by the rig as it stands.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import { rig } from './wired/desk-board.js';
import { folder } from './wired/support.js';

t.setTimeout(240_000);

t.test('a new board is in the lab, and what must still be set is told', async (t) => {
  const cwd = folder(t);
  const made = await rig(cwd, 'new', 'board', 'desk', '--arch', 'armhf');
  t.match(made, {
    exitCode: 0,
    err: '',
    out: /^wrote desk\.yaml\nwrote lab\.yaml\nNext: .* rig check desk\n$/s,
  });
  const listed = JSON.parse((await rig(cwd, 'boards', '--json')).out) as { name: string }[];
  t.match(
    listed.find(({ name }) => name === 'desk'),
    {
      type: 'desk',
      arch: 'armhf',
      kind: 'physical',
      drivers: { power: 'power-manual', console: 'console-serial' },
    },
  );
  const again = await rig(cwd, 'new', 'board', 'desk');
  t.equal(again.exitCode, 2);
  t.match(again.err, 'desk.yaml is there already, and nothing was written');
  const lab = readFileSync(join(cwd, 'lab.yaml'), 'utf8');
  const second = await rig(cwd, 'new', 'board', 'shelf');
  t.match(second.out, /Put this below "boards:" in lab\.yaml:\n {2}shelf:\n/);
  t.equal(readFileSync(join(cwd, 'lab.yaml'), 'utf8'), lab, 'a lab file that is there is left alone');
});

t.test('a new suite is loaded and its test is listed', async (t) => {
  const cwd = folder(t);
  t.match(await rig(cwd, 'new', 'suite', 'shop'), { exitCode: 0, out: /^wrote shop\.ts\n/ });
  const listed = await rig(cwd, 'run', './shop.ts', '--board', 'virt-arm64', '--list');
  t.match(listed, { exitCode: 0, out: /answers on its shell/ });
  const bad = await rig(cwd, 'new', 'suite', '../shop');
  t.equal(bad.exitCode, 2);
  t.match(bad.err, '"../shop" is no name of small letters');
  t.notOk(existsSync(join(cwd, '../shop.ts')));
});

t.test('a new driver passes its test, which judges it as every power driver', async (t) => {
  const cwd = folder(t);
  const nowhere = await rig(cwd, 'new', 'driver', 'shelf-relay');
  t.match(nowhere, { exitCode: 2, err: /this is no checkout of boardrig/ });

  for (const path of [
    'package.json',
    'rig',
    'drivers',
    'qemu',
    'test/conformance',
    'test/wired',
    'test/fakes',
  ])
    cpSync(join(packageRoot, path), join(cwd, path), { recursive: true });
  symlinkSync(join(packageRoot, 'node_modules'), join(cwd, 'node_modules'));
  const made = await rig(cwd, 'new', 'driver', 'shelf-relay');
  t.match(made, {
    exitCode: 0,
    err: '',
    out: /^wrote drivers\/power\/shelf-relay\.ts\n.*entered power-shelf-relay/s,
  });
  // In one file, as the whole of it takes too long to compile for one test.
  const outfile = join(cwd, 'dist/power-shelf-relay.test.js');
  await build({
    entryPoints: [join(cwd, 'test/power-shelf-relay.test.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'silent',
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], {
    cwd,
    encoding: 'utf8',
    timeout: 100_000,
  });
  t.equal(status, 0, `it passes ${stderr.slice(-500)}`);
  t.match(stdout, /calls made at once are carried out in their order/, 'the conformance of power');
  const again = await rig(cwd, 'new', 'driver', 'shelf-relay');
  t.match(again, { exitCode: 2, err: /is there already, and nothing was written/ });
  t.equal(
    readFileSync(join(cwd, 'rig/cli/registry.ts'), 'utf8').split('shelf-relay').length - 1,
    2,
    'entered once',
  );
});
