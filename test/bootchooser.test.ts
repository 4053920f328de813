// test: light
/** RAUC's backend for GRUB as the program that it is, on a file for the disk, with a `dd` that loses the power. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { firstPartitionBytes } from '../qemu/image/gpt.js';
import {
  type BootChoice,
  bootchooser,
  encodeGrubEnvironment,
  grubEnvironment,
  grubEnvironmentCopies,
} from '../qemu/image/grub-environment.js';

const folder = mkdtempSync(join(tmpdir(), 'bootchooser-'));
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));
const disk = join(folder, 'disk');
const program = join(folder, 'bootchooser');
const shims = join(folder, 'shims');
mkdirSync(shims);
writeFileSync(program, (await bootchooser()).replace('. /usr/lib/boardrig/common.sh', ''));
// Writes are numbered; at the one named in CUT the power goes, and TEAR is what of it reached the medium.
writeFileSync(
  join(shims, 'dd'),
  `#!/bin/sh
case "$*" in *of=*) ;; *) exec /bin/dd "$@" ;; esac
case "$*" in *conv=notrunc,fsync*) ;; *) echo "not durable: $*" >>${folder}/log ;; esac
echo "$3" >>${folder}/log
[ "$(grep -c seek ${folder}/log)" = "$CUT" ] || exec /bin/dd "$@"
case $TEAR in
  nothing) ;;
  spoilt) tr ' -~' '\\377' | /bin/dd "$@" ;;
  *) head -c "$TEAR" | /bin/dd "$@" ;;
esac
kill -KILL $PPID
`,
  { mode: 0o755 },
);

const text = (order: string, a: number, b: number): string =>
  `BOOT_ORDER=${order}\nBOOT_A_LEFT=${a}\nBOOT_B_LEFT=${b}\n`;
const copy = (order: BootChoice['order'], leftA: number, leftB: number): Buffer =>
  encodeGrubEnvironment({ order, leftA, leftB });

function write(copies: Partial<Record<keyof typeof grubEnvironmentCopies, Buffer>>): void {
  writeFileSync(disk, Buffer.alloc(4 * 1024 * 1024));
  const handle = openSync(disk, 'r+');
  for (const [name, data] of Object.entries(copies))
    writeSync(handle, data, 0, 512, grubEnvironmentCopies[name as keyof typeof copies]);
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  /** The sectors that were written, in order. */
  readonly written: readonly string[];
}

function run(args: string, { cut = 0, tear = '' } = {}): Ended {
  writeFileSync(join(folder, 'log'), '');
  const { status, stdout } = spawnSync('sh', [program, ...args.split(' ')], {
    encoding: 'utf8',
    env: { PATH: `${shims}:${process.env.PATH}`, BOOTCHOOSER_DISK: disk, CUT: String(cut), TEAR: tear },
  });
  const written = readFileSync(join(folder, 'log'), 'utf8').split('\n').filter(Boolean);
  return { code: status, out: stdout, written };
}

const built = { first: copy('A B', 9, 0), second: copy('A B', 9, 0), spare: copy('A B', 3, 0) };
const bothCopies = ['seek=4096', 'seek=2048'];

tap.test('the copies are files of a file system that others than GRUB can read', async (t: Test) => {
  writeFileSync(disk, Buffer.alloc(firstPartitionBytes));
  const handle = openSync(disk, 'r+');
  for (const { offsetBytes, data } of grubEnvironment()) writeSync(handle, data, 0, data.length, offsetBytes);
  closeSync(handle);
  const bsdtar = (...args: string[]): string => execFileSync('bsdtar', [...args], { encoding: 'latin1' });
  t.same(bsdtar('-tf', disk).trim().split('\n').sort(), ['.', 'FIRST', 'SECOND', 'SPARE']);
  t.equal(bsdtar('-xOf', disk, 'FIRST'), copy('A B', 9, 0).toString());
  t.equal(bsdtar('-xOf', disk, 'SPARE'), copy('A B', 3, 0).toString());
  t.equal(run('list').out, text('A B', 9, 0), 'at the places where the board looks for them');
});

tap.test('what RAUC asks and tells', async (t: Test) => {
  write(built);
  t.equal(run('list').out, text('A B', 9, 0));
  t.equal(run('get-primary').out, 'A\n');
  t.equal(run('get-state B').out, 'bad\n');
  t.same(run('set-state B bad').written, [], 'what is so already is not written');
  t.same(run('set-state A good').written, []);
  t.same(run('set-primary B').written, bothCopies, 'the second copy first');
  t.equal(run('list').out, text('B A', 9, 3));
  t.equal(run('get-primary').out, 'B\n');
  t.equal(run('get-state B').out, 'good\n');
  run('set-state B good');
  t.equal(run('list').out, text('B A', 9, 9));
  run('set-state B bad');
  t.equal(run('get-primary').out, 'A\n', 'one without tries is passed over');
  run('set-state A bad');
  t.match(run('get-primary'), { code: 1, out: '' });
  for (const bad of ['set-primary C', 'set-state A', 'get-state C', 'boot'])
    t.match(run(bad), { code: 1, out: '', written: [] }, bad);
});

tap.test(
  'the copy that GRUB goes by is the one that counts, and mending makes the other like it',
  async (t: Test) => {
    const { spare } = built;
    const newer = copy('B A', 9, 2);
    const gone = Buffer.alloc(512);
    const odd = copy('B A', 7, 2);
    for (const [copies, says, written] of [
      [{ ...built, second: newer }, text('A B', 9, 0), ['seek=4096']],
      [{ first: gone, second: newer, spare }, text('B A', 9, 2), ['seek=2048']],
      [{ first: odd, second: newer, spare }, text('B A', 9, 2), ['seek=2048']],
      [
        { first: gone, second: gone, spare: copy('A B', 1, 0) },
        text('A B', 1, 0),
        [...bothCopies, 'seek=6144'],
      ],
      [{}, text('A B', 3, 0), [...bothCopies, 'seek=6144']],
    ] as const) {
      write(copies);
      t.equal(run('list').out, says);
      t.same(run('mend').written, written);
      t.same(run('mend').written, [], 'once');
      t.equal(run('list').out, says);
    }
  },
);

tap.test('the power lost at any write leaves the old or the new', async (t: Test) => {
  const before = { ...built, first: copy('A B', 9, 9), second: copy('A B', 9, 9) };
  const old = text('A B', 9, 9);
  for (const [change, then] of [
    ['set-primary B', text('B A', 9, 3)],
    ['set-state B bad', text('A B', 9, 0)],
    ['set-state A bad', text('A B', 0, 9)],
  ] as const)
    for (const cut of [1, 2])
      for (const tear of ['nothing', '30', '40', '55', '70', '82', 'spoilt']) {
        write(before);
        const ended = run(change, { cut, tear });
        t.same(ended.written, bothCopies.slice(0, cut), `${change} is cut at write ${cut}`);
        const after = run('list').out;
        const allowed = cut === 1 ? [old] : tear === 'spoilt' ? [then] : [old, then];
        t.ok(allowed.includes(after), `${change}, write ${cut}, ${tear}: ${after}`);
        run(change);
        t.equal(run('list').out, then, 'and the next attempt succeeds');
      }
});
