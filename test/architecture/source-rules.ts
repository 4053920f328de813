import { posix } from 'node:path';
import ts from 'typescript';
import { forbiddenArrow } from './arrows.js';

export const longestFile = 300;

/** A file of a tree: path relative to its root, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Every way in which the sources break the rules of the house, one line each; empty when all is well. */
export function judgeSources(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((file) => file.path));
  return files.flatMap((file) => [
    ...judgeImports(file, known),
    ...judgeSyntax(file),
    ...judgeLength(file),
    ...judgeName(file.path),
  ]);
}

/** Type-only and dynamic imports count too: an arrow is an arrow. */
function judgeImports({ path, text }: SourceFile, known: ReadonlySet<string>): string[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map((reference) => reference.fileName)
    .filter((name) => name.startsWith('.'))
    .flatMap((name) => {
      const target = posix.join(posix.dirname(path), name);
      const source = target.replace(/\.js$/, '.ts');
      if (!known.has(source)) {
        // Set-up is plain JavaScript, since it runs before anything is compiled.
        return target.endsWith('.mjs') || target.endsWith('.json')
          ? []
          : [`${path} imports ${name}, which is not there`];
      }
      return forbiddenArrow(path, source) ?? [];
    });
}

function judgeSyntax({ path, text }: SourceFile): string[] {
  const found: string[] = [];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const say = (node: ts.Node, what: string) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push(`${path}:${line + 1} ${what}`);
  };
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) say(node, 'uses `any`');
    if (ts.isNonNullExpression(node)) say(node, 'uses a non-null `!`');
    if (isUsing(node) && isInLoop(node)) say(node, 'uses `using` in a loop: put the body into a function');
    if (ts.isExportDeclaration(node) && !node.exportClause) say(node, 'is a barrel: `export *`');
    ts.forEachChild(node, visit);
  };
  visit(source);
  for (const [index, line] of text.split('\n').entries()) {
    if (/@ts-(ignore|nocheck|expect-error)/.test(line) && /^\s*(\/\/|\/\*)/.test(line))
      found.push(`${path}:${index + 1} switches the compiler off`);
  }
  return found;
}

/** `using` and `await using`: the flag of the second holds that of the first. */
function isUsing(node: ts.Node): boolean {
  return ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.Using) !== 0;
}

/** For Node 20 esbuild makes variables of `using` that outlive a round of the loop: an error of an earlier round is thrown anew. */
function isInLoop(node: ts.Node): boolean {
  for (let at = node.parent; at && !ts.isFunctionLike(at); at = at.parent)
    if (ts.isIterationStatement(at, false)) return true;
  return false;
}

function judgeLength({ path, text }: SourceFile): string[] {
  const lines = text.split('\n').length - 1;
  if (
    lines <= longestFile ||
    /^(\/\/|\/\*\*?|\s\*) ?.*\blong because\b/im.test(text.split('\n', 10).join('\n'))
  )
    return [];
  return [`${path} has ${lines} lines; past ${longestFile} its top must say "Long because …"`];
}

function judgeName(path: string): string[] {
  return path
    .split('/')
    .filter((part) => /^(utils?|helpers?|misc|common)(\.\w+)*$/i.test(part) || part === 'index.ts')
    .map((part) => `${path}: "${part}" says nothing; name the concept`);
}
