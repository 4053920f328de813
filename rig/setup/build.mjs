// Compiles every TypeScript file to dist/, one to one. esbuild does not check types (`npm run types` does),
// which keeps the first `npm start` short.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { fingerprint, markBuilt, rooms, root, sourceFiles } from './sources.mjs';

const outdir = join(root, 'dist');
if (process.argv.includes('--clean')) rmSync(outdir, { recursive: true, force: true });
// Taken before the files are read: one that is written meanwhile is compiled again the next time.
const before = fingerprint();
const sources = sourceFiles();
try {
  await build({
    absWorkingDir: root,
    entryPoints: sources,
    outdir,
    outbase: '.',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    logLevel: 'warning',
  });
} catch {
  // esbuild has said what is wrong and where.
  process.exit(1);
}
if (sources.includes('rig/config/compile-board-types.ts')) {
  const { compileBoardTypes } = await import('../../dist/rig/config/compile-board-types.js');
  await compileBoardTypes();
}
removeOrphans(new Set(sources.map((file) => file.replace(/\.ts$/, '.js'))));
markBuilt(before);

/** A compiled file whose source is gone would still be run as a test or imported. */
function removeOrphans(compiled) {
  for (const room of rooms.filter((name) => existsSync(join(outdir, name)))) {
    for (const entry of readdirSync(join(outdir, room), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !compiled.has(relative(outdir, path).replace(/\.map$/, ''))) rmSync(path);
    }
  }
}
