import type { Path } from './problems.js';

/** Where values that must not stand in a file come from, and what became of them. */
export interface SecretsSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Every value that was put in, for the masks of logs and messages. */
  readonly found: string[];
  readonly problem: (path: Path, message: string) => void;
}

const reference = /(\$?)\$\{(\s*env\b[^}]*)\}/gi;
const exact = /^env:([A-Za-z_][A-Za-z0-9_]*)$/;

/**
 * A copy of `data` in which `${env:NAME}` in text is the environment's value; `$${env:NAME}` stays as
 * `${env:NAME}`. Anything else in `${…}` is left alone, since U-Boot and shells write variables like that.
 */
export function fillSecrets(data: unknown, source: SecretsSource, path: Path = []): unknown {
  if (typeof data === 'string') return fillText(data, source, path);
  if (Array.isArray(data)) return data.map((item, index) => fillSecrets(item, source, [...path, index]));
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, fillSecrets(value, source, [...path, key])]),
  );
}

/** `text` with every one of `secrets` replaced by `***`. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of [...secrets].sort((a, b) => b.length - a.length))
    if (secret !== '') masked = masked.replaceAll(secret, '***');
  return masked;
}

function fillText(text: string, source: SecretsSource, path: Path): string {
  return text.replace(reference, (whole, escaped: string, inside: string) => {
    if (escaped !== '') return whole.slice(1);
    const name = exact.exec(inside)?.[1];
    if (name === undefined) {
      source.problem(path, `found ${JSON.stringify(whole)}, expected the form \${env:NAME}`);
      return whole;
    }
    const value = source.env[name];
    if (value === undefined || value === '') {
      source.problem(
        path,
        `needs the environment variable ${name}, which is ${value === '' ? 'empty' : 'not set'}; set it before you call rig`,
      );
      return whole;
    }
    source.found.push(value);
    return value;
  });
}
