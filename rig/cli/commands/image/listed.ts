/** What a person reads of an image or update: a line for each fact that there is. */
export function listed(lines: readonly (readonly [string, string | undefined])[]): string {
  return lines
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key.padEnd(13)}${printable(value)}\n`]))
    .join('');
}

/** An image is anybody's: nothing in it may steer this terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
