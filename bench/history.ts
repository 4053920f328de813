import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HistoryFile, type Reader, type Writer } from '../rig/core/history/database.js';
import { subjectHistories } from '../rig/core/history/results.js';
import { recentRuns } from '../rig/core/history/runs.js';
import { median } from '../rig/core/statistics/median.js';
import type { BenchRow } from './row.js';

const nights = 167;
const boards = 10;
const tests = 60;
const rounds = 5;

/** Questions to a history of 100,000 results, each with opening the file; against reading all of it once. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  try {
    const history = new HistoryFile(join(folder, 'history.sqlite'));
    await history.change(fill);
    const scan = await timeOf(history, (reader) => reader.all('select sum(ms), count(code) from result'));
    const questions: readonly (readonly [string, (reader: Reader) => unknown])[] = [
      ['the newest 20 runs', (reader) => recentRuns(reader, { limit: 20 })],
      [
        'one test on ten boards',
        (reader) => subjectHistories(reader, { matches: (name) => name === 's/test 7', limit: 100 }),
      ],
      [
        'every test of the last 30 nights',
        (reader) => subjectHistories(reader, { sinceMs: (nights - 30) * dayMs }),
      ],
    ];
    const rows: BenchRow[] = [];
    for (const [what, question] of questions) {
      const value = await timeOf(history, question);
      rows.push({
        what: `history of 100,000 results, ${what}`,
        value,
        unit: 'CPU ms',
        compared: { with: 'one pass over all results', value: scan },
        goal: { text: '200 ms', met: value <= 200 },
      });
    }
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const dayMs = 86_400_000;

/** CPU milliseconds of this process, the median of some rounds. */
async function timeOf(history: HistoryFile, question: (reader: Reader) => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = process.cpuUsage();
    await history.read(question);
    const { user, system } = process.cpuUsage(began);
    times.push((user + system) / 1_000);
  }
  return median(times);
}

function fill(history: Writer): void {
  for (let board = 0; board < boards; board += 1)
    for (let test = 0; test < tests; test += 1)
      history.run('insert into subject (board, suite, name) values (?, ?, ?)', [
        `board${board}`,
        's',
        `test ${test}`,
      ]);
  for (let nightNumber = 0; nightNumber < nights; nightNumber += 1) {
    const started = nightNumber * dayMs;
    const run = history.insert(
      `insert into run (name, dir, started, duration, exit_code, truncated, revision, version, host, seed)
       values (?, '/runs', ?, 1000, 0, 0, 'r', '1', 'h', 1)`,
      [`night ${nightNumber}`, started],
    );
    for (let subject = 1; subject <= boards * tests; subject += 1)
      history.run("insert into result values (?, ?, ?, 0, 'passed', 1200, 1, null, null, null)", [
        subject,
        run,
        started + subject,
      ]);
  }
}
