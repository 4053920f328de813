import { unreadable } from './unreadable.js';

export interface Swap {
  readonly device: string;
  readonly kibibytes: number;
}

/** /proc/swaps (proc(5)). @throws RigError `facts.unreadable` */
export function parseSwaps(text: string): readonly Swap[] {
  const [heading = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  if (!/^Filename\s+Type\s+Size/.test(heading)) throw unreadable('the swaps', text, 'the heading is missing');
  return lines.map((line) => {
    const [, device, size] = /^(\S+)\s+(?:partition|file)\s+(\d+)\s/.exec(line) ?? [];
    if (device === undefined) throw unreadable('the swaps', line, 'the line has no type and size');
    return { device, kibibytes: Number(size) };
  });
}
