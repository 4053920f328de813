/** Device output as an error message may show it: one row a line, control characters as `\x1b`, what is no text as `\ufffd`. */
export function visible(text: string): string {
  return text.replace(
    // Line and direction controls would rearrange the message around them (Unicode TR 36).
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    (char) => {
      const code = char.charCodeAt(0);
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
    },
  );
}

const maxLines = 12;
const maxLineChars = 200;

/** The last lines of `text`, each indented; empty ones left out. */
export function lastLines(text: string): string {
  const lines = visible(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-maxLines)
    .map((line) => (line.length > maxLineChars ? `${line.slice(0, maxLineChars)}…` : line));
  return lines.map((line) => `  ${line}`).join('\n');
}
