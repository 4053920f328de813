import { readFile } from 'node:fs/promises';
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { RigError, type SourcePlace } from '../contracts/errors.js';
import type { Path } from './problems.js';

/** A YAML file as data, with the place of everything in it. */
export interface YamlSource {
  /** As messages name it. */
  readonly file: string;
  readonly data: unknown;
  /** Of the value at `path`, or of the nearest thing around it that is there. */
  placeOf(path: Path): SourcePlace;
  /** Of the key that `path` ends in. */
  keyPlaceOf(path: Path): SourcePlace;
}

/** Far above any real lab file; bounds what a hostile or mistaken file can cost. */
const maxBytes = 256 * 1024;
const maxDepth = 64;
const maxAliases = 100;

/**
 * @param path as the file system knows it
 * @param file as messages name it
 * @throws RigError `config.unreadable`, `config.yaml-syntax`
 */
export async function readYaml(path: string, file: string = path): Promise<YamlSource> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    const why =
      reason === 'ENOENT'
        ? 'there is no such file'
        : reason === 'EISDIR'
          ? 'it is a folder'
          : reason === 'EACCES'
            ? 'you may not read it'
            : String(reason);
    throw new RigError(`Cannot read ${JSON.stringify(file)}: ${why}`, {
      code: 'config.unreadable',
      blame: 'config',
      hint: 'Give the path of a YAML file that you may read; paths inside a file count from its own folder.',
      cause,
      place: { file },
    });
  }
  return parseYaml(bytes, file);
}

/** @throws RigError `config.yaml-syntax`, with the place of the first mistake */
export function parseYaml(bytes: Uint8Array, file: string): YamlSource {
  const fail = (message: string, place: Omit<SourcePlace, 'file'> = {}): never => {
    throw new RigError(message, {
      code: 'config.yaml-syntax',
      blame: 'config',
      hint: 'The file must be YAML 1.2 in UTF-8, indented with spaces.',
      place: { file, ...place },
    });
  };
  if (bytes.byteLength > maxBytes)
    fail(`The file has ${bytes.byteLength} bytes; a configuration has at most ${maxBytes}`);
  const text = decode(bytes, fail);
  refuseDepth(text, fail);
  const lines = new LineCounter();
  const placeAt = (offset: number): SourcePlace => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const [mistake] = [...document.errors, ...document.warnings];
  if (mistake) {
    const [start, end] = mistake.pos;
    const key =
      mistake.code === 'DUPLICATE_KEY'
        ? `: ${JSON.stringify(text.slice(start, Math.max(end, keyEnd(text, start))))}`
        : '';
    const { line, column } = placeAt(start);
    fail(`Cannot parse YAML: ${ownWords[mistake.code] ?? mistake.message}${key}`, {
      ...(line ? { line } : {}),
      ...(column ? { column } : {}),
    });
  }
  const root = document.contents;
  if (root === null || (isNode(root) && 'value' in root && root.value === null))
    fail('The file is empty', { line: 1, column: 1 });
  visit(document, {
    Alias: (_, alias) => {
      const { line = 1, column = 1 } = placeAt(alias.range?.[0] ?? 0);
      if (!alias.resolve(document))
        fail(`There is no anchor &${alias.source} before the alias *${alias.source}`, { line, column });
    },
  });
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    fail(
      error instanceof ReferenceError && error.message.startsWith('Excessive')
        ? `Aliases (*name) repeat too much: together they may stand for at most ${maxAliases} values`
        : `Cannot parse YAML: ${(error as Error).message}`,
    );
  }
  if (deeperThan(data, maxDepth))
    fail(
      `Values are nested more than ${maxDepth} deep, or an alias (*name) stands inside its own anchor (&name)`,
    );
  const nodePlace = (node: unknown) =>
    isNode(node) && node.range ? placeAt(node.range[0]) : { file, line: 1, column: 1 };
  return {
    file,
    data,
    placeOf: (path) => nodePlace(walk(document, path).value),
    keyPlaceOf: (path) => nodePlace(walk(document, path).key),
  };
}

const ownWords: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key is already there',
  TAB_AS_INDENT: 'a tab indents this line; use spaces',
  MULTIPLE_DOCS: 'a second document begins here; a file holds one',
};

function keyEnd(text: string, start: number): number {
  const colon = text.slice(start, start + 200).search(/\s*:/);
  return colon < 0 ? start : start + colon;
}

function decode(bytes: Uint8Array, fail: (message: string, place?: { line: number }) => never): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const lenient = new TextDecoder().decode(bytes);
    return fail('The file is not UTF-8 text', {
      line: lenient.slice(0, lenient.indexOf('\uFFFD')).split('\n').length,
    });
  }
}

/** The parser recurses, and its regular expressions exhaust memory on deep nesting: refuse before it runs. */
function refuseDepth(text: string, fail: (message: string, place?: { line: number }) => never): void {
  let depth = 0;
  for (const [index, line] of text.split('\n').entries()) {
    for (const character of line) {
      if (character === '[' || character === '{') depth += 1;
      else if ((character === ']' || character === '}') && depth > 0) depth -= 1;
    }
    if (depth > maxDepth || (line.match(/(?:^|\s)[-?!&](?=\S*\s)/g)?.length ?? 0) > maxDepth)
      fail(`Brackets or indicators are nested more than ${maxDepth} deep`, { line: index + 1 });
  }
}

function deeperThan(data: unknown, limit: number): boolean {
  if (typeof data !== 'object' || data === null) return false;
  return limit === 0 || Object.values(data).some((value) => deeperThan(value, limit - 1));
}

/** The node at `path`, and its key's; where `path` leads out of the file, both are the last key that was there. */
function walk(document: Document, path: Path): { value: unknown; key: unknown } {
  let value: unknown = document.contents;
  let key: unknown = value;
  for (const part of path) {
    const container: unknown = isAlias(value) ? value.resolve(document) : value;
    if (isSeq(container)) {
      const item = container.items[Number(part)];
      if (item === undefined) return { value: key, key };
      key = value = item;
    } else if (isMap(container)) {
      const pair = container.items.find(
        (item) =>
          isPair(item) && isNode(item.key) && 'value' in item.key && String(item.key.value) === String(part),
      );
      if (!pair) return { value: key, key };
      key = pair.key;
      value = hasText(pair.value) ? pair.value : pair.key;
    } else return { value: key, key };
  }
  return { value, key };
}

/** A key with nothing behind it has a node without extent. */
function hasText(node: unknown): node is Node {
  return isNode(node) && !!node.range && node.range[1] > node.range[0];
}
