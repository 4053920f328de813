import { relative } from 'node:path';

/** `path` as a person standing in `cwd` would name it: relative when it is inside, else absolute. */
export function displayPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}
