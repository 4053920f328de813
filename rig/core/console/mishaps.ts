import { RigError } from '../../contracts/errors.js';

interface About {
  readonly board: string;
  readonly tail: string;
}

export function panicked(line: string, { board, tail }: About): RigError {
  return new RigError(
    `The kernel of ${board} died: ${JSON.stringify(line)}.\nThe console's last lines:\n${tail}`,
    {
      code: 'console.panic',
      blame: 'board',
      hint: 'Inside expectPanic a panic is awaited; elsewhere it is a failure.',
      evidence: { line },
    },
  );
}

export function unexpectedReset(how: string, { board, tail }: About): RigError {
  return new RigError(
    `${board} was reset while the console was awaited. ${how}\nThe last lines before it:\n${tail}`,
    {
      code: 'console.unexpected-reset',
      blame: 'board',
      hint: 'Inside expectReset a reset is awaited; elsewhere the board did it by itself: look for a watchdog or a power dip.',
      evidence: { how },
    },
  );
}

export function epochOver(what: string, board: string): RigError {
  return new RigError(`Cannot wait for ${what} on the console of ${board}: its epoch is over`, {
    code: 'console.epoch-over',
    blame: 'suite',
    hint: 'The board was powered on or reset after the mark was taken: take a new mark, or wait without one.',
  });
}

export function closed(board: string): RigError {
  return new RigError(`The console of ${board} was closed`, {
    code: 'console.closed',
    blame: 'suite',
    hint: 'Await every wait before the test ends.',
  });
}
