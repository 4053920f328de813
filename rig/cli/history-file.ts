import { join, resolve } from 'node:path';
import { HistoryFile } from '../core/history/database.js';

export type { HistoryFile };

/** `$BOARDRIG_HISTORY`, else the file beside the runs. */
export function historyFile({
  env,
  cwd,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}): HistoryFile {
  const path = env.BOARDRIG_HISTORY;
  return new HistoryFile(path ? resolve(cwd, path) : join(cwd, 'runs', '.history.sqlite'));
}
