import { type Json, RigError } from '../contracts/errors.js';
import { isJsonObject, type JsonObject } from '../contracts/json.js';

/** One change of a configuration: the value at `path`, or its removal. */
export interface ConfigChange {
  /** Keys from the top; a whole number counts in a list. */
  readonly path: readonly string[];
  readonly value: Json | undefined;
}

/**
 * The text of a `config.json` with `changes` made in order. Keys that nobody named stay as they are and where they are.
 *
 * @param text undefined for an image without the file
 * @throws RigError `image.bad-config` for a text that is no JSON object, `config.bad-path` for a path that does not fit
 */
export function changedConfig(text: string | undefined, changes: readonly ConfigChange[]): string {
  const before = text === undefined || text.trim() === '' ? {} : parse(text);
  const after = changes.reduce<Json>((config, change) => setAt(config, change, 0), before);
  return `${JSON.stringify(after, null, indentOf(text))}\n`;
}

/** `os.network.country`; a dot that belongs to a key is written `\.`. @throws RigError `config.bad-path` */
export function parsePath(text: string): string[] {
  const keys = text.split(/(?<!\\)\./).map((key) => key.replaceAll('\\.', '.'));
  if (keys.some((key) => key === ''))
    throw badPath(`${JSON.stringify(text)} is no path of keys`, 'Write keys with dots between: os.hostname.');
  if (keys.includes('__proto__'))
    throw badPath('"__proto__" is no key of a configuration', 'Name another key.');
  return keys;
}

/** `--set PATH=VALUE`: the value as JSON where it is JSON, else as text. */
export function parseAssignment(text: string): ConfigChange {
  const cut = text.indexOf('=');
  if (cut < 1)
    throw badPath(
      `${JSON.stringify(text)} is no assignment`,
      'Write PATH=VALUE: --set os.network.country=DE.',
    );
  const value = text.slice(cut + 1);
  return { path: parsePath(text.slice(0, cut)), value: jsonOrText(value) };
}

/** What stands at `path`; undefined when nothing does. */
export function valueAt(config: Json | undefined, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>((value, key) => {
    if (Array.isArray(value)) return (value as readonly Json[])[Number(key)];
    return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, config);
}

export function parseConfig(text: string): Json {
  return text.trim() === '' ? {} : parse(text);
}

function setAt(config: Json, change: ConfigChange, depth: number): Json {
  const [key, ...rest] = change.path.slice(depth);
  if (key === undefined) return change.value ?? null;
  const below = (value: Json | undefined): Json =>
    rest.length === 0 ? (change.value ?? null) : setAt(value ?? {}, change, depth + 1);
  if (Array.isArray(config)) return setInList(config as readonly Json[], { key, change, depth, below });
  if (!isJsonObject(config)) {
    throw badPath(
      `Cannot set ${change.path.join('.')}: ${change.path.slice(0, depth).join('.')} is ${JSON.stringify(config)}, which holds no keys`,
      'Remove that value first (--unset), or name another path.',
    );
  }
  if (change.value === undefined && !Object.hasOwn(config, key)) return config;
  if (change.value === undefined && rest.length === 0)
    return Object.fromEntries(Object.entries(config).filter(([name]) => name !== key));
  return { ...config, [key]: below(config[key]) };
}

function setInList(
  list: readonly Json[],
  at: { key: string; change: ConfigChange; depth: number; below: (value: Json | undefined) => Json },
): Json {
  const index = Number(at.key);
  if (!/^\d+$/.test(at.key) || index > list.length) {
    const place = at.change.path.slice(0, at.depth).join('.');
    throw badPath(
      `Cannot set ${at.change.path.join('.')}: ${place} is a list of ${list.length}, and ${JSON.stringify(at.key)} is no place in it`,
      `Name a place from 0 to ${list.length}.`,
    );
  }
  if (at.change.value === undefined && at.depth === at.change.path.length - 1)
    return list.filter((_, place) => place !== index);
  return [...list.slice(0, index), at.below(list[index]), ...list.slice(index + 1)];
}

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badConfig(`it is not JSON: ${(cause as Error).message.slice(0, 120)}`, cause);
  }
  if (isJsonObject(value)) return value;
  throw badConfig('it is no JSON object', undefined);
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** As the file has it, so that a person finds it as they left it. */
function indentOf(text: string | undefined): string | number {
  if (text === undefined || text.trim() === '') return 2;
  return /^\{\r?\n([ \t]+)"/.exec(text.trimStart())?.[1] ?? (text.trim().includes('\n') ? 2 : 0);
}

function badConfig(why: string, cause: unknown): RigError {
  return new RigError(`Cannot change config.json of the image: ${why}`, {
    code: 'image.bad-config',
    blame: 'config',
    hint: 'Correct the file on the boot partition first (mcopy reads and writes it); nothing was changed.',
    cause,
  });
}

function badPath(message: string, hint: string): RigError {
  return new RigError(message, { code: 'config.bad-path', blame: 'config', hint });
}
