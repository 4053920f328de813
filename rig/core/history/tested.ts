import type { Reader } from './database.js';

/** What a run tested on a board. */
export interface Tested {
  readonly run: string;
  readonly revision: string | null;
  readonly imageVersion: string | null;
  /** With the revision: what was tested, exactly. */
  readonly imageSha256: string | null;
}

/** What each run tested on each board. */
export class TestedThings {
  readonly #things = new Map<string, Tested>();

  constructor(history: Reader) {
    const rows = history.all(
      `select run.id, run.name, run.revision, run_board.board, run_board.image, run_board.image_version
       from run left join run_board on run_board.run = run.id`,
    );
    for (const row of rows)
      this.#things.set(`${row.id} ${row.board}`, {
        run: String(row.name),
        revision: textOf(row.revision),
        imageVersion: textOf(row.image_version),
        imageSha256: textOf(row.image),
      });
  }

  /** @param run its number */
  of(run: number, board: string): Tested {
    return (
      this.#things.get(`${run} ${board}`) ?? {
        run: '?',
        revision: null,
        imageVersion: null,
        imageSha256: null,
      }
    );
  }
}

function textOf(value: string | number | null | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
