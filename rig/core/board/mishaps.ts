import { RigError } from '../../contracts/errors.js';

/** The board powered itself off and nobody had asked for it. */
export function poweredOff(board: string): RigError {
  return new RigError(`${board} powered itself off`, {
    code: 'board.powered-off',
    blame: 'board',
    hint: 'Nothing of the rig asked for it: read the console before that moment.',
  });
}

/** The machine itself reported a panic of its guest. */
export function panicked(board: string): RigError {
  return new RigError(`The kernel of ${board} panicked`, {
    code: 'board.panicked',
    blame: 'board',
    hint: 'The machine reported it (pvpanic); the console has the trace.',
  });
}
