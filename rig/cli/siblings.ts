import type { BoardConfig } from '../contracts/board.js';

/**
 * Further boards of the same type for a test that needs several: virtual ones are simply made, real ones must be in the lab and not
 * in this run. What to say of a test that cannot have them, if there are too few.
 *
 * @param options.taken names of the run's own boards and of their forks
 */
export function siblings(
  board: BoardConfig,
  { count, lab, taken }: { count: number; lab: readonly BoardConfig[]; taken: ReadonlySet<string> },
): readonly BoardConfig[] | string {
  if (board.type.machine) {
    const made: BoardConfig[] = [];
    for (let number = 2; made.length < count; number += 1) {
      const name = `${board.name}~${number}`;
      if (!taken.has(name)) made.push({ ...board, name });
    }
    return made;
  }
  const free = lab.filter((other) => other.type.name === board.type.name && !taken.has(other.name));
  return free.length >= count
    ? free.slice(0, count)
    : `it needs ${count + 1} boards of type ${board.type.name}; the lab has ${free.length + 1} that this run may use`;
}
