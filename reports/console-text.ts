import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type AttemptRecord, type BoardRecord, consoleRange, type RunRecord } from '../rig/record/model.js';

/** Reads bytes `start` to `end` of a console file; fewer when the file is shorter. Bytes that are no UTF-8 become U+FFFD. */
export function readConsole(path: string, { start, end }: { start: number; end: number }): Buffer {
  if (end <= start) return Buffer.alloc(0);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // A run without its console files is still a run: the report says that there is no text.
    return Buffer.alloc(0);
  }
  try {
    const bytes = Buffer.alloc(end - start);
    let done = 0;
    for (let read = -1; read !== 0 && done < bytes.length; done += read)
      read = readSync(file, bytes, done, bytes.length - done, start + done);
    return bytes.subarray(0, done);
  } finally {
    closeSync(file);
  }
}

/** The last bytes of what a board's console said during an attempt, from a line's beginning where one is near. */
export function consoleTailOf(
  run: RunRecord,
  place: { board: BoardRecord; attempt: AttemptRecord; maxBytes: number },
): { readonly text: string; readonly leftOutBytes: number } {
  const { board, attempt, maxBytes } = place;
  const range = consoleRange(board, attempt);
  const start = Math.max(range.start, range.end - maxBytes);
  const bytes = readConsole(join(run.dir, board.consoleFile), { start, end: range.end });
  const newline = start > range.start ? bytes.indexOf(0x0a) : -1;
  const skip = newline >= 0 && newline < bytes.length - 1 ? newline + 1 : 0;
  return { text: bytes.subarray(skip).toString('utf8'), leftOutBytes: start + skip - range.start };
}
