import { boot } from './boot-texts.js';
import { Story } from './story.js';

const panic = '[    1.204411] Kernel panic - not syncing: No working init found.\r\n';

/** An update that came up, one that did not, and what a hostile board says of its slots. */
export async function rolledBack(runsDir: string): Promise<string> {
  await using story = await Story.begin(runsDir, { argv: ['run', 'rollback', '--board', 'virt-arm64'] });
  story.after(310).board({ name: 'virt-arm64', type: 'virt-arm64' }).suite('rollback', 2);
  story.passes('an update comes up', (s) => {
    s.power('on');
    boot(s);
    s.slotBoot({ slot: 'A', version: '1.0.0', tries: 4, why: 'first', verdict: 'good' });
    s.shell('rauc install http://10.0.2.2:4711/update', 4_200).reset();
    boot(s);
    s.slotBoot({ slot: 'B', version: '1.0.1', tries: 2, why: 'first', verdict: 'good' }).ok('it is good');
  });
  story.passes('the board returns from an update without an init', (s) => {
    for (const tries of [2, 1, 0]) {
      s.reset();
      boot(s, { until: 'kernel' });
      s.say(panic).slotBoot({ slot: 'A', tries, why: 'first', verdict: 'panicked' });
    }
    s.reset();
    boot(s);
    s.slotBoot({ slot: 'B', version: '1.0.1', tries: 4, why: 'next', verdict: 'good' });
    s.reset().slotBoot({
      slot: '<b onmouseover="window.pwned=5">',
      version: '\x1b[2J1.0',
      why: '<script>window.pwned=6</script>',
      verdict: 'bad',
      complaint: 'net\u202Ework',
    });
    s.ok('it is back');
  });
  story.endSuite().power('off').close(7);
  story.emit({
    type: 'run.end',
    counts: { passed: 2, failed: 0, errored: 0, blocked: 0, skipped: 0, flaky: 0 },
    exitCode: 0,
  });
  return story.recorder.dir;
}
