import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { ask } from '../facts/sections.js';
import { parseUnits, unitsCommand } from '../facts/units.js';

const settleMs = 120_000;

export function serviceTests(test: AddTest): void {
  test('every service started', { deadlineMs: 180_000 }, async (t: TestContext) => {
    await promised(t, 'systemd');
    let state = '';
    await t.step('Wait until systemd has started all', () =>
      t.eventually(
        'systemd is done with starting',
        async () => {
          state = (await t.board.shell.run('systemctl is-system-running')).stdout.trim();
          return state !== 'starting' && state !== 'initializing';
        },
        { timeoutMs: settleMs, everyMs: 2_000 },
      ),
    );
    const failed = await t.board.shell.text(
      'systemctl list-units --state=failed --plain --no-legend --no-pager',
    );
    t.equal(failed, '', 'no unit failed');
    t.equal(state, 'running', 'the system runs');
  });

  test('udev warns of nothing', async (t: TestContext) => {
    await promised(t, 'systemd');
    const { all, warnings } = await t.step('Read what udev says', () =>
      ask(t.board.shell, {
        all: 'journalctl -b -q --no-pager -u systemd-udevd -o cat',
        warnings: 'journalctl -b -q --no-pager -u systemd-udevd -o cat -p warning',
      }),
    );
    t.require(all.text.trim() !== '', 'udev, or systemd of it, wrote to the log');
    t.equal(warnings.text, '', 'no warning among it');
  });

  test('critical services run apart and outlive the others', async (t: TestContext) => {
    const { critical, oomScoreAdjust } = await promised(t, 'systemd');
    t.require(critical.length > 0, 'the profile names critical services');
    const units = await t.step('Ask for their processes', async () =>
      parseUnits(await t.board.shell.text(unitsCommand(critical)), critical),
    );
    const down = units.filter(({ active, mainPid }) => active !== 'active' || mainPid === 0);
    t.same(
      down.map(({ name, active }) => `${name} is ${active}`),
      [],
      'all run',
    );
    const running = units.filter((unit) => !down.includes(unit));
    const facts = await t.step('Look at the processes', () =>
      ask<string>(t.board.shell, {
        init: 'readlink /proc/1/ns/mnt',
        ...Object.fromEntries(
          running.map(({ name, mainPid }) => [
            name,
            `cat /proc/${mainPid}/oom_score_adj; readlink /proc/${mainPid}/ns/mnt`,
          ]),
        ),
      }),
    );
    t.match(facts.init?.text ?? '', /^mnt:\[\d+\]$/, 'init has a mount namespace');
    for (const { name } of running) {
      const [score = '', namespace = ''] = facts[name]?.text.split('\n') ?? [];
      t.ok(score !== '' && Number(score) <= oomScoreAdjust, `${name}: ${score} is at most ${oomScoreAdjust}`);
      t.match(namespace, /^mnt:\[\d+\]$/, `${name} has a mount namespace`);
      t.not(namespace, facts.init?.text, `${name} has one of its own`);
    }
  });
}
