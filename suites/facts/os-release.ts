import { unreadable } from './unreadable.js';

/**
 * os-release(5): assignments that a shell could read, comments and empty lines.
 *
 * @throws RigError `facts.unreadable` for a line of another form, or a name given twice
 */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, value = ''] = /^([A-Z_][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) throw unreadable('os-release', line, 'the line is no assignment');
    if (fields.has(name)) throw unreadable('os-release', text, `${name} is given twice`);
    fields.set(name, unquote(value));
  }
  return fields;
}

function unquote(value: string): string {
  const [, quote, inner = ''] = /^(["'])(.*)\1$/.exec(value) ?? [];
  if (quote === undefined) return value;
  return quote === '"' ? inner.replace(/\\(["$`\\])/g, '$1') : inner;
}
