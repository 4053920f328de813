import { join } from 'node:path';
import { type AttemptRecord, type BoardRecord, consoleRange } from '../../rig/record/model.js';
import { readConsole } from '../console-text.js';

/** One line of a console, or the gap where lines were left out. */
export interface ConsoleLine {
  /** By when its first byte had arrived. */
  readonly t: number;
  /** In the console file. */
  readonly offset: number;
  readonly text: string;
  /** Set on a gap: how many bytes are not shown. */
  readonly leftOutBytes?: number;
}

const maxLineLength = 2000;

/** What `board` said during an attempt; when that is more than `maxBytes`, its first quarter and its end. */
export function consoleLines(
  dir: string,
  place: { board: BoardRecord; attempt: AttemptRecord; maxBytes: number },
): ConsoleLine[] {
  const { board, attempt, maxBytes } = place;
  const { start, end } = consoleRange(board, attempt);
  const path = join(dir, board.consoleFile);
  const read = (from: number, to: number): ConsoleLine[] =>
    splitLines(readConsole(path, { start: from, end: to }), { offset: from, board });
  if (end - start <= maxBytes) return read(start, end);
  const headEnd = start + Math.floor(maxBytes / 4);
  const tailStart = end - Math.floor((maxBytes * 3) / 4);
  const gap = { t: timeAt(board, headEnd), offset: headEnd, text: '', leftOutBytes: tailStart - headEnd };
  return [...read(start, headEnd), gap, ...read(tailStart, end)];
}

function splitLines(bytes: Buffer, place: { offset: number; board: BoardRecord }): ConsoleLine[] {
  const lines: ConsoleLine[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const offset = place.offset + start;
    const text = bytes.toString('utf8', start, end).replace(/\r+$/, '');
    lines.push({ t: timeAt(place.board, offset), offset, text: shorten(text) });
    start = end + 1;
  }
  return lines;
}

function shorten(text: string): string {
  if (text.length <= maxLineLength) return text;
  return `${text.slice(0, maxLineLength)} … ${text.length - maxLineLength} more characters on this line`;
}

/** When the byte at `offset` had arrived. Chunks are consecutive, so this is a binary search. */
function timeAt(board: BoardRecord, offset: number): number {
  let low = 0;
  let high = board.console.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const chunk = board.console[middle];
    if (chunk && chunk.offset + chunk.length <= offset) low = middle + 1;
    else high = middle;
  }
  return board.console[low]?.t ?? 0;
}
