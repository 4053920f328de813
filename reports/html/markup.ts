import { caret, visible } from '../visible.js';

/** Text that is HTML already. Only `html` and this folder's own constants make it: device output never does. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: strings are escaped, `undefined` and `false` print nothing. */
export type Part = Markup | string | number | undefined | false | readonly Part[];

/** A template whose every string is escaped and made visible, in text and in quoted attributes alike. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += print(part) + (strings[index + 1] ?? '');
  return new Markup(text);
}

export function escapeHtml(text: string): string {
  const shown = visible(text.replaceAll('\r\n', '\n').replace(/[\x00-\x08\x0b-\x1f\x7f]/g, caret));
  return shown.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function print(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'number') return String(part);
  return typeof part === 'string' ? escapeHtml(part) : part.map(print).join('');
}
