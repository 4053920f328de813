// test: light
// Many boards in one process: every byte is in the log of its board, and every wait is answered, in order.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { fleet } from '../bench/fleet/fleet.js';
import { recording } from '../bench/fleet/recording.js';
import { readEvents } from './e2e/world.js';

t.setTimeout(120_000);

t.test('thirty boards, ten times as fast as a serial line', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const bytes = 60_000;
  const result = await fleet({ folder, boards: 30, bytes, baud: 1_152_000 });
  t.same(result.wrongLogs, [], 'no byte is lost, doubled or on another board');
  t.same(result.wrongWaits, [], 'waits are answered in order');
  t.ok(result.waits > 30 * 50, `${result.waits} waits`);
  const ends = new Map<string, number>();
  for (const event of readEvents(join(folder, 'run')))
    if (event.type === 'console') {
      if ((ends.get(event.board) ?? 0) !== event.offset)
        t.fail(`a gap before ${event.offset} of ${event.board}`);
      ends.set(event.board, event.offset + event.length);
    }
  t.same(
    [...ends].map(([name, end]) => end === recording(Number(name.slice(6)), bytes).text.length),
    Array(30).fill(true),
    'events tell when each byte came, without a gap',
  );
  t.not(
    recording(1, 1000).text.toString(),
    recording(2, 1000).text.toString(),
    'each says what no other says',
  );
});
