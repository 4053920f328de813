// test: light
// `rig new`: what it writes is read, listed and run by the rig as it stands.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { rig } from './wired/desk-board.js';
import { folder } from './wired/support.js';

t.setTimeout(120_000);

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
