import { RigError } from '../../rig/mod.js';

const shownChars = 200;

/**
 * The board answered, and the answer is not in the form that its source has (kernel documentation, POSIX). That is the
 * board's fault: a parser that guessed would make an assertion pass or fail for the wrong reason.
 */
export function unreadable(what: string, answer: string, why: string): RigError {
  const shown = answer.length > shownChars ? `${answer.slice(0, shownChars)}…` : answer;
  return new RigError(`Cannot read ${what} from the board's answer: ${why}, in ${JSON.stringify(shown)}`, {
    code: 'facts.unreadable',
    blame: 'board',
    hint: 'Run the command of the failed step by hand: a program of the image may be missing or print another form.',
  });
}
