import { existsSync, readdirSync } from 'node:fs';
import { register } from 'node:module';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../config/package.js';
import { RigError } from '../contracts/errors.js';
import type { SuiteDefinition } from '../contracts/suite.js';
import { isSuite } from '../core/runner/define.js';
import { cannotLoad } from './suite-fault.js';

/** Suites that come with boardrig, by name. */
export function builtInSuites(): readonly string[] {
  return readdirSync(join(packageRoot, 'dist', 'suites'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(builtInFile(entry.name)))
    .map((entry) => entry.name)
    .sort();
}

/**
 * Loads suites by name or by path. A path may lead anywhere and be TypeScript or JavaScript; its
 * `import … from 'boardrig'` gets this running copy.
 *
 * @throws RigError `suite.unknown`, `suite.cannot-load`, `suite.not-a-suite` (blame: config)
 */
export async function loadSuites(names: readonly string[], cwd: string): Promise<SuiteDefinition[]> {
  const known = builtInSuites();
  const suites: SuiteDefinition[] = [];
  for (const name of names) {
    const file = known.includes(name) ? builtInFile(name) : pathOf(name, { cwd, known });
    if (file !== builtInFile(name)) hookLoading();
    const suite = await loadFile(file);
    const twin = suites.find((other) => other.name === suite.name);
    if (twin) {
      throw new RigError(`Two of the given suites are called "${suite.name}"`, {
        code: 'suite.same-name',
        blame: 'config',
        hint: 'Reports tell suites apart by name: rename one of them.',
        place: { file },
      });
    }
    suites.push(suite);
  }
  return suites;
}

function builtInFile(name: string): string {
  return join(packageRoot, 'dist', 'suites', name, 'suite.js');
}

function pathOf(name: string, options: { cwd: string; known: readonly string[] }): string {
  const looksLikePath = name.includes('/') || extname(name) !== '';
  const path = resolve(options.cwd, name);
  if (looksLikePath && existsSync(path)) return path;
  throw new RigError(`Cannot find suite "${name}"${looksLikePath ? `: there is no file ${path}` : ''}`, {
    code: 'suite.unknown',
    blame: 'config',
    hint: `Suites that come with boardrig: ${options.known.join(', ')}. For your own, give a path such as ./my/suite.ts.`,
  });
}

let hooked = false;

/** Only for suites from outside: the hooks run in a thread of their own, which every later import has to ask. */
function hookLoading(): void {
  if (hooked) return;
  register('./suite-hooks.js', import.meta.url, {
    data: { face: new URL('../mod.js', import.meta.url).href },
  });
  // A suite's stack traces then name the lines of its TypeScript.
  process.setSourceMapsEnabled(true);
  process.exit = refuseExit;
  hooked = true;
}

/** A suite that ended the process would leave boards on and, with code 0, pass for a run in which all was well. */
function refuseExit(code?: number | string | null): never {
  throw new RigError(`A suite called process.exit(${code ?? ''})`, {
    code: 'suite.exit',
    blame: 'suite',
    hint: 'Throw an error instead: the rig ends by itself, powers the boards off and writes the reports.',
  });
}

async function loadFile(file: string): Promise<SuiteDefinition> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (error) {
    throw await cannotLoad(file, error);
  }
  if (isSuite(loaded.default)) return loaded.default;
  throw new RigError(`${file} is not a suite: its default export is not what suite() returns`, {
    code: 'suite.not-a-suite',
    blame: 'config',
    hint: "Write: import { suite } from 'boardrig'; export default suite('name', { summary: '…' }, (test) => { … });",
    place: { file },
  });
}
