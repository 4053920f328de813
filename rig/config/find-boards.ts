import type { BoardConfig } from '../contracts/board.js';
import { RigError } from '../contracts/errors.js';
import { didYouMean } from '../schema/nearest.js';
import type { Lab } from './lab.js';

/**
 * The boards that `selectors` name, each a board's name or a label; each board once, in the order named.
 *
 * @throws RigError `config.unknown-board`
 */
export function findBoards(lab: Lab, selectors: readonly string[]): BoardConfig[] {
  const found = new Set<BoardConfig>();
  for (const selector of selectors) {
    const named = lab.boards.filter((board) => board.name === selector);
    const boards = named.length > 0 ? named : lab.boards.filter((board) => board.labels.includes(selector));
    if (boards.length === 0) throw unknown(lab, selector);
    for (const board of boards) found.add(board);
  }
  return [...found];
}

/** The one board called `name`. */
export function findBoard(lab: Lab, name: string): BoardConfig {
  const board = lab.boards.find((candidate) => candidate.name === name);
  if (!board) throw unknown(lab, name);
  return board;
}

function unknown(lab: Lab, selector: string): RigError {
  const names = lab.boards.map((board) => board.name);
  const labels = [...new Set(lab.boards.flatMap((board) => board.labels))];
  return new RigError(
    `There is no board or label ${JSON.stringify(selector)}${didYouMean(selector, [...names, ...labels])}; boards: ${names.join(', ')}${labels.length > 0 ? `; labels: ${labels.join(', ')}` : ''}`,
    {
      code: 'config.unknown-board',
      blame: 'config',
      hint: lab.file
        ? `\`rig boards\` lists them; add one to ${lab.file}.`
        : '`rig boards` lists them; a lab.yaml here, or --lab FILE, adds some (docs/lab-file.md).',
    },
  );
}
