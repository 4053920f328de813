// Which files are compiled, and whether they changed since. Used before there are node modules: no dependency.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const rooms = ['rig', 'drivers', 'qemu', 'suites', 'reports', 'test', 'bench'];

const stamp = join(root, 'dist', '.stamp');

/** Every TypeScript source of the rooms, relative to the root. */
export function sourceFiles() {
  return rooms
    .filter((room) => existsSync(join(root, room)))
    .flatMap((room) =>
      readdirSync(join(root, room), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
        .map((entry) => relative(root, join(entry.parentPath, entry.name))),
    )
    .sort();
}

/** What the build compiles beside the sources. */
function boardFiles() {
  return ['rig/boards', 'rig/profiles']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.yaml'))
        .sort()
        .map((name) => join(folder, name)),
    );
}

/** Changes when a source is added, removed or written, or the way they are compiled changes. */
export function fingerprint() {
  const hash = createHash('sha256');
  for (const file of [...sourceFiles(), ...boardFiles(), 'rig/setup/build.mjs', 'package-lock.json']) {
    const { mtimeMs, size } = statSync(join(root, file));
    hash.update(`${file}\0${mtimeMs}\0${size}\0`);
  }
  return hash.digest('hex');
}

/** Whether dist/ was compiled from the sources as they are. */
export function isBuilt(wanted = fingerprint()) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

export function markBuilt(fingerprintBefore) {
  writeFileSync(stamp, fingerprintBefore);
}
