// test: vm, 10 minutes
/** The explorer through the real command: a brick of a real bootloader is found, counted and told. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tap from 'tap';
import type { Certificate } from '../rig/contracts/powercut-verdict.js';
import type { PowercutSummary } from '../rig/core/powercut/judge/certificate.js';
import { World } from './e2e/world.js';
import { recordTruncation } from './powercut-judge/recorded-writes.js';
import { referenceImage } from './snapshots/guest.js';

tap.setTimeout(600_000);

/** Number of its entry in the log. */
const truncation = 0;

tap.test(
  'a file that is truncated before it is written bricks the board, and nothing else does',
  async (t) => {
    using world = new World();
    const folder = join(world.cwd, 'cut');
    const sector = recordTruncation(folder, { image: await referenceImage(), board: 'virt-arm64' });
    const explore = ['powercut', 'virt-arm64', '--resume', folder, '--jobs', '2', '--json'];
    const { code, stdout, stderr } = await world.rig(explore);
    t.equal(code, 1, stderr);
    const summary = JSON.parse(stdout) as PowercutSummary;
    const certificate = JSON.parse(readFileSync(join(folder, 'certificate.json'), 'utf8')) as Certificate;
    const bad = certificate.judged.filter(({ verdict }) => verdict?.outcome === 'bricked');
    // The truncation and half of the bulk, a flush, the rest of the bulk, a flush, the new file.
    t.same(
      certificate.judged.map(({ state, verdict }) => [state, verdict?.outcome]),
      [
        ['e0:boundary', 'old'],
        ['e0:prefix:w0', 'bricked'],
        ['e0:lost:w0', 'old'],
        ['e1:boundary', 'bricked'],
        ['e2:boundary', 'bricked'],
        ['e2:prefix:w6', 'old'],
      ],
      'bricked is every state in which the truncation is the last word, and no other',
    );
    t.ok(bad.every(({ verdict }) => verdict?.brick === 'reset-loop' || verdict?.brick === 'no-slot'));
    t.equal(summary.left, 0);
    t.equal(summary.states, certificate.judged.length);
    t.equal(summary.verdicts.bricked, bad.length);
    t.equal(summary.verdicts.old, summary.states - bad.length);
    t.equal(summary.distinct, 2, 'the bulk makes no difference to a boot');
    t.same(certificate.checked.disagreed, []);
    const [counter] = certificate.counterexamples;
    t.equal(certificate.counterexamples.length, 1);
    t.same(
      counter?.writes.map(({ entry, sector: at }) => [entry, at]),
      [[truncation, sector]],
      'shrunk to the one write',
    );
    t.match(
      counter?.writes[0]?.what ?? '',
      /^file \/boot\.scr: \d+ to 0 bytes; .*boot: root folder/,
      'and what it is',
    );
    t.ok(existsSync(join(folder, 'certificate.html')));

    const again = await world.rig(explore);
    t.equal(again.code, 1, again.stderr);
    t.same(
      (JSON.parse(again.stdout) as PowercutSummary).verdicts,
      summary.verdicts,
      'resumed, it tells the same',
    );
    const replayed = await world.rig(['powercut', 'replay', join(folder, counter?.replay ?? ''), '--json']);
    t.equal(replayed.code, 1, replayed.stderr);
    t.match(replayed.stdout, '"bricked"');
  },
);
