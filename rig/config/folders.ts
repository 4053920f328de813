import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Where finished images and downloaded packages are kept: `$XDG_CACHE_HOME/boardrig`, else `~/.cache/boardrig`. A
 * relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory Specification asks.
 */
export function cacheDir(env: Readonly<Record<string, string | undefined>>): string {
  const base = env.XDG_CACHE_HOME;
  return join(
    base !== undefined && isAbsolute(base) ? base : join(env.HOME ?? homedir(), '.cache'),
    'boardrig',
  );
}
