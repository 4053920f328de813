import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BoardType, DeviceProfile } from '../contracts/board.js';
import { compiledBoardType } from './compiled-board-types.js';
import { packageRoot } from './package.js';
import type { Path, Problems } from './problems.js';
import type { YamlSource } from './yaml-source.js';

/** What reading a file of a board needs of its surroundings. */
export interface Reading {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly problems: Problems;
}

export interface TypeWithProfile {
  readonly type: BoardType;
  readonly profile: DeviceProfile;
}

/** The board types that come with boardrig. */
export function builtInTypes(): string[] {
  return namesIn('boards');
}

export function builtInProfiles(): string[] {
  return namesIn('profiles');
}

/** A path rather than the name of a built-in. */
export function isPathReference(reference: string): boolean {
  return reference.includes('/') || /\.ya?ml$/.test(reference);
}

/**
 * The board type `reference` (a built-in's name, or a path that counts from `folder`) with its profile.
 *
 * @param referredBy the place that names it, for an unknown name
 * @returns undefined when something was wrong, which is then in `reading.problems`
 */
export async function loadBoardType(
  reference: string,
  folder: string,
  reading: Reading & { readonly referredBy?: { readonly source: YamlSource; readonly path: Path } },
): Promise<TypeWithProfile | undefined> {
  const compiled = isPathReference(reference) ? undefined : compiledBoardType(reference);
  if (compiled) return compiled;
  const { readBoardType } = await import('./read-board-type.js');
  return readBoardType(reference, folder, reading);
}

/** Names of the built-in files of a kind. */
export function namesIn(kind: 'boards' | 'profiles'): string[] {
  return readdirSync(join(packageRoot, 'rig', kind))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort();
}
