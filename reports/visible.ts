/**
 * Text of a device or of a person, made harmless for any reader: what a terminal, an XML parser or a text direction
 * algorithm would act on becomes a visible sign. Tab and line feed stay; CR LF is one line feed.
 */
export function visible(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(actingCharacters, sign);
}

/** `visible` on one line: line feeds and tabs become signs too. */
export function visibleLine(text: string): string {
  return visible(text).replace(/[\n\t]/g, (character) => picture(character.charCodeAt(0)));
}

/**
 * C0 controls, DEL, C1 controls, Arabic letter mark, zero-width and direction marks, line and paragraph separators, embeddings and overrides (Unicode
 * UAX #9), invisible operators, byte order mark, interlinear marks, lone surrogates, tags, noncharacters.
 */
const actingCharacters =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\p{Cs}\u{e0000}-\u{e007f}]/gu;

/** A control character as `cat -v` writes it, for readers whose fonts may lack Unicode's control pictures. */
export function caret(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x20 || code === 0x7f ? `^${String.fromCharCode(code ^ 0x40)}` : sign(character);
}

/** The sign that stands for one character that must not act. */
export function sign(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x20 || code === 0x7f
    ? picture(code)
    : `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** Unicode's control pictures: U+2400 on, and U+2421 for DEL. */
function picture(code: number): string {
  return code === 0x7f ? '\u2421' : String.fromCharCode(0x2400 + code);
}
