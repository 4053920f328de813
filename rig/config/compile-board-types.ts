import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInTypes } from './board-type.js';
import { type CompiledBoardType, writeCompiled } from './compiled-board-types.js';
import { packageRoot } from './package.js';
import { Problems } from './problems.js';
import { readBoardType } from './read-board-type.js';

/**
 * Reads and checks the built-in board types once, at the build, so that a run on one of them need not load a YAML parser
 * and a schema library first. One whose files hold a mistake or a reference to the environment is left to be read.
 */
export async function compileBoardTypes(): Promise<void> {
  const types: Record<string, CompiledBoardType> = {};
  for (const name of builtInTypes()) {
    const problems = new Problems();
    const found = await readBoardType(name, packageRoot, { cwd: packageRoot, env: {}, problems });
    if (!found || problems.count > 0 || problems.secrets.length > 0) continue;
    const paths = [`rig/boards/${name}.yaml`, `rig/profiles/${found.profile.name}.yaml`];
    const files = paths.map((path) => ({ path, text: readFileSync(join(packageRoot, path), 'utf8') }));
    types[name] = { ...found, files };
  }
  writeCompiled(types);
}
