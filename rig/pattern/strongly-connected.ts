/**
 * Strongly connected components of what `roots` reach, each after all that it reaches (Tarjan 1972). Iterative: products of
 * automata are deeper than the call stack.
 */
export function stronglyConnected(
  roots: Iterable<number>,
  successors: (node: number) => Iterable<number>,
): number[][] {
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const open: number[] = [];
  const isOpen = new Set<number>();
  const found: number[][] = [];

  const enter = (node: number): { node: number; rest: Iterator<number> } => {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    open.push(node);
    isOpen.add(node);
    return { node, rest: successors(node)[Symbol.iterator]() };
  };
  const lower = (node: number, to: number): void => {
    low.set(node, Math.min(low.get(node) ?? to, to));
  };

  for (const root of roots) {
    if (index.has(root)) continue;
    const stack = [enter(root)];
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const { node, rest } = frame;
      const step = rest.next();
      if (!step.done) {
        const other = step.value;
        const seen = index.get(other);
        if (seen === undefined) stack.push(enter(other));
        else if (isOpen.has(other)) lower(node, seen);
        continue;
      }
      stack.pop();
      const parent = stack.at(-1);
      const nodeLow = low.get(node) ?? 0;
      if (parent) lower(parent.node, nodeLow);
      if (nodeLow !== index.get(node)) continue;
      const members: number[] = [];
      for (let member = open.pop(); member !== undefined; member = open.pop()) {
        isOpen.delete(member);
        members.push(member);
        if (member === node) break;
      }
      found.push(members);
    }
  }
  return found;
}
