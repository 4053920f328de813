import { firstLine } from '../../rig/contracts/errors.js';
import type { NightFailure, NightReport, NightResult } from '../../rig/contracts/night.js';
import { AnsiText } from '../html/ansi.js';
import { anchorOf, fileLink } from '../html/links.js';
import { html, type Markup } from '../html/markup.js';
import { blameWords, marks } from '../words.js';
import { placeWords } from './words.js';

const most = 60;

/** What to look at: what is new first, each with who has to act and the end of what the console said. */
export function renderFailures({ failures }: NightReport): Markup {
  if (failures.length === 0) return html``;
  const [fresh, known] = [failures.filter(({ isNew }) => isNew), failures.filter(({ isNew }) => !isNew)];
  return html`${list('new', 'New failures', fresh)}${list('known', 'Still failing', known)}`;
}

function list(id: string, title: string, failures: readonly NightFailure[]): Markup {
  if (failures.length === 0) return html``;
  return html`<section id="${id}"><h2>${title} <small>${failures.length}</small></h2><ol class="failures">${failures
    .slice(0, most)
    .map(
      item,
    )}</ol>${failures.length > most && html`<p class="none">${failures.length - most} more are in the cells below.</p>`}</section>`;
}

function item(failure: NightFailure): Markup {
  const { verdict, error, reason, lastGood, quarantine, console } = failure;
  return html`<li class="v-${verdict}"><span class="mk">${marks[verdict]}</span> ${resultLink(failure)} <small>${placeWords(failure)}, ${failure.suite}</small>
<p>${error && html`<span class="tag b-${error.blame}">${blameWords[error.blame]}</span> `}${firstLine(error?.message ?? reason ?? '')}</p>
${quarantine && html`<p class="facts">In quarantine until ${quarantine.expires}: ${quarantine.reason} (<a href="${quarantine.owner}" rel="noreferrer">${quarantine.owner}</a>)</p>`}
<p class="facts">${lastGood === undefined ? 'Not known to have passed before' : `Last passed ${lastGood.slice(0, 16).replace('T', ' ')} UTC`}${error && error.hint !== '' && html` · <b>Try</b> ${error.hint}`}</p>
${console !== undefined && html`<pre class="slice">${consoleText(console)}</pre>`}</li>`;
}

/** To its place in the page of its run. */
export function resultLink({ dir, id, name }: NightResult): Markup {
  if (dir === undefined || id === undefined) return html`<b>${name}</b>`;
  return fileLink(`${dir}/report.html`, name, anchorOf(id));
}

function consoleText(text: string): Markup {
  const ansi = new AnsiText();
  return html`${text.split('\n').map(
    (line) => html`${ansi.render(line)}
`,
  )}`;
}
