import { visible } from '../../reports/visible.js';
import { firstLine } from '../contracts/errors.js';
import type { ReplayedTest, RunReplay } from '../core/replay/replay-run.js';
import type { RunRecord } from '../record/model.js';

/** What a person reads of one test. It quotes devices and commands, and nothing of them may steer a terminal. */
export function describeReplayed(test: ReplayedTest): string {
  const { outcome, id, attempt, where, recorded, now, notes } = test;
  const lines = [`${outcome.padEnd(10)}  ${id}${attempt > 1 ? ` (attempt ${attempt})` : ''}`];
  if (outcome !== 'same') {
    lines.push(`  then: ${recorded.verdict}${because(recorded.error?.message)}`);
    if (outcome !== 'diverged') lines.push(`  now:  ${now.verdict}${because(now.error?.message)}`);
    if (where) {
      const [then, today] = contrasted(where.recorded, where.now);
      lines.push(`  at byte ${where.offset} of the console of ${where.board}: then ${then}; now ${today}`);
    }
  }
  for (const note of notes) lines.push(`  note: ${note}`);
  return `${visible(lines.join('\n'))}\n`;
}

export function summarizeReplay(replay: RunReplay, record: RunRecord): string {
  const count = (outcome: string): number => replay.tests.filter((test) => test.outcome === outcome).length;
  const counts = ['same', 'now passes', 'now fails', 'diverged']
    .filter((outcome) => count(outcome) > 0)
    .map((outcome) => `${count(outcome)} ${outcome}`);
  const left = replay.left.map(({ id, why }) => `left out    ${id}: ${why}\n`).join('');
  const cut = record.truncated ? 'The run was cut short: it is replayed as far as it goes.\n' : '';
  return visible(`${left}${cut}${replay.tests.length} replayed of ${replay.run}: ${counts.join(', ')}\n`);
}

function because(message: string | undefined): string {
  return message === undefined ? '' : `: ${firstLine(message)}`;
}

const shownBefore = 40;
const shownAfter = 120;
const shownEnd = 30;

/** Commands may be a page long: of two long texts only what is around their first difference is shown. */
function contrasted(then: string, now: string): readonly [string, string] {
  const length = Math.min(then.length, now.length);
  let same = 0;
  while (same < length && then[same] === now[same]) same += 1;
  return [around(then, same), around(now, same)];
}

function around(text: string, at: number): string {
  const from = Math.max(0, at - shownBefore);
  const end = at + shownAfter;
  const tail = text.length - shownEnd;
  const rest = end >= tail ? text.slice(from) : `${text.slice(from, end)}…${text.slice(tail)}`;
  return `${from > 0 ? '…' : ''}${rest}`;
}
