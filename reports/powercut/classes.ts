import type { Certificate, JudgedState } from '../../rig/contracts/powercut-verdict.js';
import { html, type Markup } from '../html/markup.js';
import { outcomeWords } from './words.js';

const shownClasses = 400;

/** States that no boot tells apart, one row for each such class, in the order of the log. */
export function renderClasses({ judged }: Certificate): Markup {
  const classes = new Map<string, JudgedState[]>();
  for (const state of judged) {
    if (!state.verdict) continue;
    const of = state.verdict.settledBy ?? state.state;
    const members = classes.get(of);
    if (members) members.push(state);
    else classes.set(of, [state]);
  }
  const rows = [...classes].slice(0, shownClasses);
  return html`<section id="classes"><h2>Boots that judged</h2><details><summary>${classes.size} boots, each with the states that it settled</summary><table class="plain"><thead><tr><th>state that was booted</th><th>states</th><th>verdict</th><th>evidence</th></tr></thead><tbody>
${rows.map(([of, members]) => classRow(of, members))}</tbody></table>
${classes.size > rows.length && html`<p class="none">${classes.size - rows.length} more are in certificate.json.</p>`}</details></section>`;
}

function classRow(of: string, members: readonly JudgedState[]): Markup {
  const { verdict } = members[0] ?? {};
  return html`<tr><td><code>${of}</code></td><td>${members.length}</td><td><i class="sw o-${verdict?.outcome ?? 'left'}"></i> ${verdict && outcomeWords[verdict.outcome]}</td><td>${verdict?.why}</td></tr>`;
}
