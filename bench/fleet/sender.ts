// node sender.js FOLDER BOARDS BYTES BAUD: plays so many boards, each on a connection of its own, as a serial adapter would: some bytes every 16 ms.
import { connect } from 'node:net';
import { join } from 'node:path';
import { recording } from './recording.js';

/** What an FTDI adapter waits for company (AN232B-04). */
const latencyMs = 16;
const bitsPerByte = 10;

const [, , folder = '', boards = '', bytes = '', baud = ''] = process.argv;
const perMs = Number(baud) / bitsPerByte / 1000;

/** The adapters of a lab are not in step. */
function play(board: number): void {
  const { text } = recording(board, Number(bytes));
  const line = connect(join(folder, `${board}.sock`), () => {
    const began = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      const due = Math.min(text.length, Math.floor((performance.now() - began) * perMs));
      if (due > sent) line.write(text.subarray(sent, due));
      sent = due;
      if (sent < text.length) return;
      clearInterval(timer);
      line.end();
    }, latencyMs);
  });
}

for (let board = 0; board < Number(boards); board += 1)
  setTimeout(play, (board * latencyMs * 7) % 500, board);
