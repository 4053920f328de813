import { visibleLine } from '../../../../reports/visible.js';

/** What a person reads of an image or update: a line for each fact that there is. */
export function listed(lines: readonly (readonly [string, string | undefined])[]): string {
  return lines
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key.padEnd(13)}${visibleLine(value)}\n`]))
    .join('');
}
