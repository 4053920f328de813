// test: light
/** What a restored guest is told; that a real one understands it is seen in warm-boards.test.ts. */
import t from 'tap';
import type { ShellResult } from '../rig/contracts/suite.js';
import { tellGuest } from '../rig/core/board/restored/tell-guest.js';

/** A guest whose connection takes `delaysMs` to come, telling by telling. The host's clock is the test's. */
function guestAt(delaysMs: readonly number[], { exitCode = 0, deaf = false } = {}) {
  const commands: string[] = [];
  const clock = { nowMs: 1_700_000_000_400, guestS: 1_000_000_000 };
  const real = Date.now;
  Date.now = () => clock.nowMs;
  const chore = async (command: string): Promise<ShellResult> => {
    clock.nowMs += delaysMs[commands.length] ?? 0;
    commands.push(command);
    const told = /date -u -s @(\d+)/.exec(command)?.[1];
    if (told !== undefined && !deaf) clock.guestS = Number(told);
    return { exitCode, stdout: `${clock.guestS}\n`, stderr: '' };
  };
  return {
    commands,
    clock,
    guest: { name: 'b1', arch: 'arm64', chore } as const,
    [Symbol.dispose]: () => {
      Date.now = real;
    },
  };
}

const behindMs = ({ nowMs, guestS }: { nowMs: number; guestS: number }): number => nowMs - guestS * 1000;

t.test('a guest is told once where that is quick', async (t) => {
  using told = guestAt([300]);
  await tellGuest(told.guest, ['clock', 'entropy']);
  t.equal(told.commands.length, 1);
  t.match(told.commands[0], /boardrig-reseed/);
});

t.test('and again where the connection took its time: its clock would be as much behind', async (t) => {
  using told = guestAt([9_000, 100]);
  await tellGuest(told.guest, ['clock', 'entropy']);
  t.equal(told.commands.length, 2);
  t.notMatch(told.commands[1], /boardrig-reseed/, 'a seed does not grow old');
  t.ok(behindMs(told.clock) <= 2_000, `it is ${behindMs(told.clock)} ms behind`);
});

t.test('but not for ever', async (t) => {
  using told = guestAt([9_000, 9_000, 9_000, 9_000]);
  await tellGuest(told.guest, ['clock', 'entropy']);
  t.equal(told.commands.length, 3);
});

t.test('a guest that does not listen is an error of the rig', async (t) => {
  using deaf = guestAt([100], { deaf: true });
  await t.rejects(tellGuest(deaf.guest, ['clock']), { code: 'snapshot.clock-not-set', blame: 'rig' });
  using mute = guestAt([100], { exitCode: 91 });
  await t.rejects(tellGuest(mute.guest, ['entropy']), { code: 'snapshot.entropy-not-fresh', blame: 'rig' });
  using nothing = guestAt([]);
  await tellGuest(nothing.guest, []);
  t.same(nothing.commands, [], 'nothing is asked of one that knows all');
});
