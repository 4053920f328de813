import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';

/** One test file, and what the comment `// test: …` among its first lines says of it. */
export interface PlannedFile {
  /** Source, relative to the root: `test/console.test.ts`. */
  readonly source: string;
  readonly compiled: string;
  /** Uses little CPU and no virtual machine: may run beside two others. */
  readonly light: boolean;
  /** Belongs to the full run only. */
  readonly full: boolean;
  readonly deadlineMs: number;
}

const defaultMinutes = 5;

/** Every `test/**\/*.test.ts`, sorted by name. */
export function findTestFiles(): PlannedFile[] {
  return readdirSync(join(packageRoot, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(packageRoot, join(entry.parentPath, entry.name)))
    .sort()
    .map((source) => ({
      source,
      compiled: join(packageRoot, 'dist', source.replace(/\.ts$/, '.js')),
      ...readHeader(source, readFileSync(join(packageRoot, source), 'utf8')),
    }));
}

/**
 * Reads `// test: light, full, 10 minutes`; every word is optional, and so is the line. `vm` says that the file boots virtual
 * machines, which is why it is not `light`.
 *
 * @throws Error naming the word that means nothing
 */
export function readHeader(source: string, text: string): Pick<PlannedFile, 'light' | 'full' | 'deadlineMs'> {
  const header = text
    .split('\n', 5)
    .map((line) => /^\/\/ test: (.*)$/.exec(line)?.[1])
    .find((found) => found !== undefined);
  let minutes = defaultMinutes;
  const words = new Set<string>();
  for (const word of header?.split(',').map((part) => part.trim()) ?? []) {
    const given = /^(\d+) minutes$/.exec(word)?.[1];
    if (given !== undefined) minutes = Number(given);
    else if (word === 'light' || word === 'full' || word === 'vm') words.add(word);
    else throw new Error(`${source}: "// test: ${word}" is not one of: light, vm, full, N minutes`);
  }
  return { light: words.has('light'), full: words.has('full'), deadlineMs: minutes * 60_000 };
}
