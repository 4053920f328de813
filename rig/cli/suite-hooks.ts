/**
 * Module hooks for suites from outside the repository (Node's module.register, in a thread of its own):
 * `boardrig` is the running copy, and TypeScript is compiled by esbuild, since Node 20 cannot read it.
 */
import { readFile } from 'node:fs/promises';
import type { InitializeHook, LoadHook, ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';

let face = '';

export const initialize: InitializeHook<{ face: string }> = (data) => {
  face = data.face;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  if (specifier === 'boardrig') return { url: face, format: 'module', shortCircuit: true };
  try {
    return await next(specifier, context);
  } catch (error) {
    // TypeScript's own way of naming a neighbour: `./x.js` may be written while only x.ts is there.
    if (!/^\.{1,2}\//.test(specifier) || !context.parentURL?.endsWith('.ts')) throw error;
    return next(specifier.replace(/\.js$/, '.ts'), context);
  }
};

export const load: LoadHook = async (url, context, next) => {
  if (!url.startsWith('file:') || !/\.m?ts$/.test(new URL(url).pathname)) return next(url, context);
  const { transform } = await import('esbuild');
  const file = fileURLToPath(url);
  const { code } = await transform(await readFile(file, 'utf8'), {
    loader: 'ts',
    format: 'esm',
    target: 'node20.19',
    sourcefile: file,
    sourcemap: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
};
