import type { Region } from '../../contracts/powercut.js';

/**
 * One list from several looks at a disk while it changed: a sector that belonged to a file at any time is that file's. The first look wins
 * where two disagree.
 */
export function mergeRegions(...looks: readonly (readonly Region[])[]): readonly Region[] {
  const isFile = ({ file }: Region): boolean => file !== undefined;
  return [
    ...looks.flatMap((regions) => regions.filter(isFile)),
    ...looks.flatMap((regions) => regions.filter((region) => !isFile(region))),
  ];
}
