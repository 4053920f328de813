import { type BoardRecord, boardAskedFor, type RunRecord, type TestRecord } from '../../record/model.js';
import type { Writer } from './database.js';

/** Enters a run, in place of what was known of it. */
export function recordRun(history: Writer, run: RunRecord): void {
  history.run('delete from run where name = ?', [run.run]);
  const began = Date.parse(run.startedAt);
  const id = history.insert(
    `insert into run (name, dir, started, duration, exit_code, truncated, revision, version, host, seed, night, image_name)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      ...[run.run, run.dir, began, run.durationMs, run.exitCode, run.truncated ? 1 : 0],
      ...[
        run.rig.revision,
        run.rig.version,
        run.host.name,
        run.seed,
        run.night ?? null,
        run.imageName ?? null,
      ],
    ],
  );
  for (const board of run.boards) recordBoard(history, { id, began }, board);
  for (const test of run.tests) recordTest(history, { id, began }, test);
}

interface RunPlace {
  readonly id: number;
  readonly began: number;
}

function recordBoard(history: Writer, run: RunPlace, board: BoardRecord): void {
  const { open } = board;
  history.run('insert into run_board values (?, ?, ?, ?, ?, ?, ?)', [
    ...[run.id, board.name, open?.boardType ?? null, open?.image?.sha256 ?? null],
    ...[open?.image?.version ?? null, board.boots, board.cpuSeconds ?? null],
  ]);
  for (const { epoch, reason, t, stages } of board.epochs) {
    if (reason === 'restore') continue;
    for (const { stage, ms } of stages)
      history.run('insert or replace into stage values (?, ?, ?, ?, ?, ?)', [
        ...[board.name, stage, Math.round(run.began + t), run.id, epoch, Math.round(ms)],
      ]);
  }
}

function recordTest(history: Writer, run: RunPlace, test: TestRecord): void {
  const board = boardAskedFor(test);
  const subject = subjectOf(history, { board, suite: test.suite, name: test.name });
  const started = Math.round(run.began + (test.attempts[0]?.startT ?? 0));
  history.run('insert or replace into result values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
    ...[subject, run.id, started, test.repetition?.number ?? 0, test.verdict, Math.round(test.ms)],
    ...[test.attempts.length, test.error?.code ?? null, test.error?.blame ?? null],
    test.error?.message.slice(0, 1_000) ?? null,
  ]);
  const measures = test.attempts.flatMap((attempt) => attempt.measures);
  for (const [index, { name, unit, value }] of measures.entries())
    history.run('insert or replace into measure values (?, ?, ?, ?, ?, ?, ?)', [
      ...[subject, name, unit, started, run.id, (test.repetition?.number ?? 0) * 1_000 + index, value],
    ]);
}

function subjectOf(
  history: Writer,
  { board, suite, name }: { readonly board: string; readonly suite: string; readonly name: string },
): number {
  const [known] = history.all('select id from subject where board = ? and suite = ? and name = ?', [
    ...[board, suite, name],
  ]);
  return Number(
    known?.id ??
      history.insert('insert into subject (board, suite, name) values (?, ?, ?)', [board, suite, name]),
  );
}

/** Forgets runs that began before a time, and subjects that are left without a result. @returns how many runs */
export function forgetBefore(history: Writer, startedMs: number): number {
  const [old] = history.all('select count(*) as runs from run where started < ?', [startedMs]);
  history.run('delete from run where started < ?', [startedMs]);
  history.run('delete from subject where id not in (select subject from result)');
  return Number(old?.runs ?? 0);
}
