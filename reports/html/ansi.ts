import { escapeHtml, Markup } from './markup.js';
import { SgrState } from './sgr.js';

/** ECMA-48: CSI sequences, OSC and other strings up to their end, two-byte escapes; then every other acting character. */
const tokens =
  /\x1b\[(?<parameters>[0-?]*)[ -/]*(?<final>[@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]+/g;

/**
 * Console text as HTML, line after line. Colours and weights become spans with classes of ours; every other escape
 * sequence becomes one faint `^[` that names it, since hiding it would hide evidence; concealed text is shown.
 */
export class AnsiText {
  readonly #state = new SgrState();

  render(text: string): Markup {
    let out = '';
    let end = 0;
    for (const match of text.matchAll(tokens)) {
      out += this.#plain(text.slice(end, match.index));
      end = match.index + match[0].length;
      if (match.groups?.final === 'm') this.#state.apply(match.groups.parameters ?? '');
      else out += acting(match[0]);
    }
    return new Markup(joinMarks(out + this.#plain(text.slice(end))));
  }

  #plain(text: string): string {
    if (text === '') return '';
    const classes = this.#state.classes();
    return classes === '' ? escapeHtml(text) : `<span class="${classes}">${escapeHtml(text)}</span>`;
  }
}

function acting(token: string): string {
  if (!token.startsWith('\x1b')) return `<i class="k">${escapeHtml(token)}</i>`;
  return `<i class="k" title="${escapeHtml(token.slice(0, 40))}">^[</i>`;
}

/** UEFI firmware moves the cursor for every word: a run of sequences is one mark. */
function joinMarks(markup: string): string {
  return markup.replaceAll(
    /(<i class="k" title="[^"]*">\^\[<\/i>)(?:<i class="k" title="[^"]*">\^\[<\/i>)+/g,
    '$1',
  );
}
