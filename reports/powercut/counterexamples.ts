import type { Certificate, Counterexample, ExplainedWrite } from '../../rig/contracts/powercut-verdict.js';
import { html, type Markup } from '../html/markup.js';

const shownStates = 50;

/** What went wrong: each brick shrunk to the fewest writes, with what they are; then the states that no shrinking explains. */
export function renderCounterexamples({ judged, counterexamples }: Certificate): Markup {
  const bad = judged.filter(
    ({ verdict }) => verdict?.outcome === 'bricked' || verdict?.outcome === 'dataLost',
  );
  if (bad.length === 0) return html``;
  return html`<section id="counterexamples"><h2>What went wrong</h2>
${counterexamples.map(one)}
<details><summary>All ${bad.length} states that are bricked or have lost data</summary><table class="plain"><tbody>
${bad.slice(0, shownStates).map(({ state, verdict }) => html`<tr><td><code>${state}</code></td><td>${verdict?.why}</td></tr>`)}</tbody></table>
${bad.length > shownStates && html`<p class="none">${bad.length - shownStates} more are in certificate.json.</p>`}</details></section>`;
}

function one({ state, shrunk, verdict, because, writes, tried, replay }: Counterexample): Markup {
  const lead =
    because === 'lost'
      ? 'It takes no more than that these writes are missing:'
      : 'It takes no more than that these writes are on the medium, and nothing behind them:';
  return html`<article class="counter v-failed"><h3><code>${shrunk.name}</code> <small>shrunk from ${state} by ${tried} boots</small></h3>
<p>${verdict.why}</p><p>${lead}</p>
<table class="plain"><thead><tr><th>write</th><th>phase</th><th>what</th><th>sector</th><th>bytes</th></tr></thead><tbody>${writes.map(row)}</tbody></table>
${replay !== undefined && html`<p class="again"><span>To see it happen</span><code>rig powercut replay ${replay}</code></p>`}</article>`;
}

function row({ entry, phase, what, sector, bytes, keptSectors, sectors }: ExplainedWrite): Markup {
  const torn = keptSectors === undefined ? '' : ` (${keptSectors} of ${sectors} sectors got through)`;
  return html`<tr><td>${entry}</td><td>${phase}</td><td>${what}${torn}</td><td>${sector}</td><td>${bytes}</td></tr>`;
}
