import { join } from 'node:path';
import { cacheDir } from '../config/folders.js';
import { RigError } from '../contracts/errors.js';
import { SnapshotCache } from '../core/warm/snapshot-cache.js';
import { parseSizeBytes } from '../schema/units.js';

export const cacheSizeVariable = 'BOARDRIG_SNAPSHOTS_MAX';
const defaultSize = '4G';

/** This user's saved boards. @throws RigError `cli.bad-size` (blame: config) */
export function snapshotCache(env: Readonly<Record<string, string | undefined>>): SnapshotCache {
  const text = env[cacheSizeVariable] || defaultSize;
  const maxBytes = text === '0' ? 0 : parseSizeBytes(text);
  if (maxBytes === undefined) {
    throw new RigError(
      `${cacheSizeVariable} must be a size such as 4G or 500M, or 0 for none, not "${text}"`,
      {
        code: 'cli.bad-size',
        blame: 'config',
        hint: `Unset it for ${defaultSize}.`,
      },
    );
  }
  return new SnapshotCache(join(cacheDir(env), 'snapshots'), { maxBytes });
}
