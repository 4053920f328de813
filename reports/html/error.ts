import type { ErrorRecord } from '../../rig/contracts/errors.js';
import { diagnosticText } from '../explain.js';
import { blameWords } from '../words.js';
import { html, type Markup } from './markup.js';

/** What went wrong, who has to act, why, and what to try. */
export function renderError(error: ErrorRecord): Markup {
  const causes = error.causes ?? [];
  const [headline = '', ...details] = error.message.split('\n');
  const place = error.place;
  const where =
    place && [place.file, place.line, place.column].filter((part) => part !== undefined).join(':');
  // The board's own failures have no place in a program; a stack would only distract.
  const stack = error.blame === 'board' ? undefined : error.stack;
  return html`<div class="error"><p class="blame"><span class="tag b-${error.blame}">${blameWords[error.blame]}</span> <code>${error.code}</code>${where !== undefined && html` <code>${where}</code>`}</p>
<p class="msg">${headline}</p>${details.length > 0 && html`<pre class="more">${details.join('\n')}</pre>`}
${causes.length > 0 && html`<dl class="why"><dt>Cause</dt>${causes.map((cause) => html`<dd>${cause}</dd>`)}</dl>`}
${error.hint !== '' && html`<p class="hint"><b>Try</b> ${error.hint}</p>`}
${error.evidence && html`<details open><summary>Measured at that moment</summary><pre class="diff">${diagnosticText(error.evidence)}</pre></details>`}
${stack !== undefined && html`<details><summary>Stack trace</summary><pre class="diff">${stack}</pre></details>`}</div>`;
}
