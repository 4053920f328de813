import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TypeWithProfile } from './board-type.js';
import { packageRoot } from './package.js';

/** A built-in board type as its files gave it, with their text at the time. */
export interface CompiledBoardType extends TypeWithProfile {
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

const file = join(packageRoot, 'dist', 'board-types.json');

let compiled: Readonly<Record<string, CompiledBoardType>> | undefined;

/** The built-in board type `name` as the build compiled it; undefined when its files are other ones now. */
export function compiledBoardType(name: string): TypeWithProfile | undefined {
  compiled ??= readCompiled();
  if (!Object.hasOwn(compiled, name)) return undefined;
  const { files, type, profile } = compiled[name] as CompiledBoardType;
  return files.every(({ path, text }) => textOf(join(packageRoot, path)) === text)
    ? { type, profile }
    : undefined;
}

export function writeCompiled(types: Readonly<Record<string, CompiledBoardType>>): void {
  writeFileSync(file, JSON.stringify(types));
}

function readCompiled(): Readonly<Record<string, CompiledBoardType>> {
  const text = textOf(file);
  return text === undefined ? {} : (JSON.parse(text) as Record<string, CompiledBoardType>);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
