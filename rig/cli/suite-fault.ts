import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../config/package.js';
import { RigError, type SourcePlace } from '../contracts/errors.js';

/** The error to give for a suite file that could not be loaded, with the line that stopped it. */
export async function cannotLoad(file: string, error: unknown): Promise<RigError> {
  const { message, place } = whatStopped(error);
  const at = place ?? (error instanceof SyntaxError ? await syntaxPlace(file) : undefined) ?? { file };
  return new RigError(`Cannot load suite ${file}: ${message}`, {
    code: error instanceof RigError ? (error.code as 'suite.invalid') : 'suite.cannot-load',
    blame: 'config',
    hint: hintFor(error, at),
    place: at,
    cause: error,
  });
}

function hintFor(error: unknown, place: SourcePlace): string {
  if (error instanceof RigError) return error.hint;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_MODULE_NOT_FOUND')
    return "Correct the path or the name in its import; packages count from the suite's own folder, and `boardrig` is always there.";
  return `Correct ${place.file}${place.line === undefined ? '' : `, line ${place.line}`}, and try again with --list, which loads the suite and runs nothing.`;
}

function whatStopped(error: unknown): { message: string; place: SourcePlace | undefined } {
  if (!(error instanceof Error)) return { message: `it threw ${JSON.stringify(error)}`, place: undefined };
  // esbuild: "Transform failed with 1 error:\nFILE:LINE:COLUMN: ERROR: TEXT", columns from 0.
  const compiled = /^(\/.*):(\d+):(\d+): ERROR: (.*)$/m.exec(error.message);
  if (compiled) {
    const [, file = '', line, column, text = ''] = compiled;
    return { message: text, place: { file, line: Number(line), column: Number(column) + 1 } };
  }
  const message =
    error.name === 'Error' || error instanceof RigError ? error.message : `${error.name}: ${error.message}`;
  return { message, place: placeIn(error.stack ?? '') };
}

/** Node says where a syntax error of JavaScript is only when it ends of it; esbuild tells. */
async function syntaxPlace(file: string): Promise<SourcePlace | undefined> {
  const { transform } = await import('esbuild');
  try {
    await transform(await readFile(file, 'utf8'), { loader: 'js', sourcefile: file, logLevel: 'silent' });
    return undefined;
  } catch (error) {
    return whatStopped(error).place;
  }
}

/** The first place of a stack trace that is not the rig's own; a SyntaxError of Node begins with `file:///x.mjs:4`. */
function placeIn(stack: string): SourcePlace | undefined {
  for (const line of stack.split('\n')) {
    const found = /^(?:\s+at .*?\(?)?(file:\/\/\/[^\s)]+?|\/[^)]*?):(\d+)(?::(\d+))?\)?$/.exec(line);
    if (!found) continue;
    const [, where = '', lineNumber, column] = found;
    const file = where.startsWith('file:') ? fileURLToPath(where) : where;
    if (file.startsWith(`${packageRoot}/dist/`) || file.includes('/node_modules/') || !existsSync(file))
      continue;
    return { file, line: Number(lineNumber), ...(column === undefined ? {} : { column: Number(column) }) };
  }
  return undefined;
}
