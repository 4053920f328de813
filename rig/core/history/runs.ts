import type { Verdict, VerdictCounts } from '../../contracts/verdict.js';
import { verdicts } from '../../contracts/verdict.js';
import type { Reader, Row } from './database.js';

/** A run as the history knows it; its folder may be gone. */
export interface KnownRun {
  readonly name: string;
  readonly dir: string;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly exitCode: number;
  readonly truncated: boolean;
  /** Of the rig; null for an installed package. */
  readonly revision: string | null;
  readonly boards: readonly KnownBoard[];
  readonly counts: VerdictCounts;
}

export interface KnownBoard {
  readonly name: string;
  readonly imageVersion: string | null;
  readonly imageSha256: string | null;
  readonly cpuSeconds: number | null;
}

/** The newest first. */
export function recentRuns(
  history: Reader,
  { limit, board }: { readonly limit: number; readonly board?: string },
): readonly KnownRun[] {
  const rows = history.all(
    `select * from run where ? is null or id in (select run from run_board where board = ?)
     order by started desc, id desc limit ?`,
    [board ?? null, board ?? null, limit],
  );
  return rows.map((row) => knownRun(history, row));
}

export function runNamed(history: Reader, name: string): KnownRun | undefined {
  const [row] = history.all('select * from run where name = ?', [name]);
  return row && knownRun(history, row);
}

function knownRun(history: Reader, row: Row): KnownRun {
  const id = Number(row.id);
  const boards = history.all('select * from run_board where run = ? order by board', [id]);
  const found = history.all('select verdict, count(*) as n from result where run = ? group by verdict', [id]);
  const number = new Map(found.map(({ verdict, n }) => [verdict, Number(n)]));
  return {
    name: String(row.name),
    dir: String(row.dir),
    startedMs: Number(row.started),
    durationMs: Number(row.duration),
    exitCode: Number(row.exit_code),
    truncated: row.truncated === 1,
    revision: row.revision === null ? null : String(row.revision),
    boards: boards.map((board) => ({
      name: String(board.board),
      imageVersion: board.image_version === null ? null : String(board.image_version),
      imageSha256: board.image === null ? null : String(board.image),
      cpuSeconds: board.cpu_seconds === null ? null : Number(board.cpu_seconds),
    })),
    counts: Object.fromEntries(verdicts.map((verdict) => [verdict, number.get(verdict) ?? 0])) as Record<
      Verdict,
      number
    >,
  };
}
