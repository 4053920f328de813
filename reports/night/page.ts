import { createHash } from 'node:crypto';
import { firstLine } from '../../rig/contracts/errors.js';
import type { NightReport } from '../../rig/contracts/night.js';
import { verdicts } from '../../rig/contracts/verdict.js';
import { fileLink } from '../html/links.js';
import { html, Markup } from '../html/markup.js';
import { style } from '../html/style.js';
import { consoleStyle } from '../html/style-console.js';
import { duration, marks } from '../words.js';
import { renderFailures, resultLink } from './failures.js';
import { renderGantt } from './gantt.js';
import { renderMatrix } from './matrix.js';
import { nightStyle } from './style.js';
import { newsWords, nightDay, nightVerdict, placeWords } from './words.js';

/** The night as one page: the verdict, what is new, boards × suites with their trends, the schedule. It needs nothing but itself. */
export function nightPage(report: NightReport): string {
  const css = `${style}${consoleStyle}${nightStyle}`;
  const hash = createHash('sha256').update(css).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const { word } = nightVerdict(report);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${word}: night of ${nightDay(report.plan.night)}</title><style>${new Markup(css)}</style></head><body><main>
${header(report)}
${renderFailures(report)}
${renderMatrix(report)}
${slower(report)}
${flaky(report)}
${quarantine(report)}
${renderGantt(report)}
${notes(report)}
<footer><p>Made by boardrig from <code>night.json</code>; <code>rig nightly --resume ${report.plan.night}</code> makes it again.</p></footer>
</main></body></html>
`.text;
}

function header(report: NightReport): Markup {
  const { plan, counts, excused, durationMs, boards } = report;
  const { word, verdict } = nightVerdict(report);
  const shown = verdicts.filter((one) => counts[one] > 0);
  const total = shown.reduce((sum, one) => sum + counts[one], 0);
  const offline = boards.filter((board) => board.offline !== undefined).map(({ name }) => name);
  const facts: readonly (readonly [string, string])[] = [
    ['Night', plan.night],
    ['Started', `${plan.startedAt.replace('T', ' ').slice(0, 16)} UTC`],
    ['Host', `${plan.host.name}: ${plan.host.cpus} CPUs, ${plan.host.memoryMiB} MiB for boards`],
    ...(plan.shard ? [['Shard', `${plan.shard.index} of ${plan.shard.of}`] as const] : []),
    ...(plan.deadlineMs === undefined ? [] : [['Deadline', duration(plan.deadlineMs)] as const]),
    ...(offline.length > 0 ? [['Offline', offline.join(', ')] as const] : []),
  ];
  return html`<header class="v-${verdict}"><div class="verdict"><span class="seal" aria-hidden="true">${marks[verdict]}</span><div><p class="kicker">boardrig · night of ${nightDay(plan.night)}</p><h1>${word}</h1><p class="news">${newsWords(report)}${excused > 0 && html` <small>· ${excused} in quarantine</small>`}</p></div>
<p class="total"><b>${total}</b> tests on <b>${boards.length}</b> ${boards.length === 1 ? 'board' : 'boards'}<br>in <b>${duration(durationMs)}</b></p></div>
<ul class="counts">${shown.map((one) => html`<li class="v-${one}"><span class="mk">${marks[one]}</span> <b>${counts[one]}</b> ${one}${one === 'flaky' && plan.flakyLimit !== undefined && ` (limit ${plan.flakyLimit})`}</li>`)}</ul>
<dl class="meta">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}<div><dt>Files</dt><dd>${fileLink('junit.xml')}, ${fileLink('night.json')}</dd></div></dl></header>`;
}

function slower({ slowerStages }: NightReport): Markup {
  if (slowerStages.length === 0) return html``;
  return html`<section id="slower"><h2>Boot stages that come later</h2><div class="scroll" tabindex="0" role="region"><table class="plain"><thead><tr><th>board</th><th>stage</th><th>tonight</th><th>before</th><th>p</th></tr></thead><tbody>${slowerStages.map(
    ({ board, stage, medianMs, medianBeforeMs, boots, bootsBefore, p }) =>
      html`<tr><td>${board}</td><td>${stage}</td><td>${duration(medianMs)} (${boots} boots)</td><td>${duration(medianBeforeMs)} (${bootsBefore} boots)</td><td>${p.toPrecision(2)}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function flaky({ jobs }: NightReport): Markup {
  const found = jobs.flatMap((job) =>
    job.suites.flatMap(({ tests }) =>
      tests.filter(({ verdict }) => verdict === 'flaky').map((test) => ({ job, test })),
    ),
  );
  if (found.length === 0) return html``;
  return html`<section id="flaky"><h2>Flaky <small>passed at the second try</small></h2><ol class="failures">${found.map(
    ({ job, test }) =>
      html`<li class="v-flaky"><span class="mk">${marks.flaky}</span> ${resultLink(test)} <small>${placeWords(job)}, ${test.suite}</small>${test.error && html`<p>${firstLine(test.error.message)}</p>`}</li>`,
  )}</ol></section>`;
}

function quarantine({ quarantine: all }: NightReport): Markup {
  if (all.length === 0) return html``;
  return html`<section id="quarantine"><h2>Quarantine</h2><div class="scroll" tabindex="0" role="region"><table class="plain"><thead><tr><th>test</th><th>state</th><th>until</th><th>reason</th><th>owner</th></tr></thead><tbody>${all.map(
    ({ test, boards, state, passedNights, release, expires, reason, owner }) =>
      html`<tr><td>${test}${boards && html` <small>on ${boards.join(', ')}</small>`}</td><td>${release ? html`<span class="release">release it: passed ${passedNights} nights on end</span>` : html`<span class="${state}">${state}</span>${passedNights > 0 && `, ${passedNights} ${passedNights === 1 ? 'night' : 'nights'} on end`}`}</td><td>${expires}</td><td>${reason}</td><td><a href="${owner}" rel="noreferrer">${owner}</a></td></tr>`,
  )}</tbody></table></div></section>`;
}

function notes({ notes: all }: NightReport): Markup {
  if (all.length === 0) return html``;
  return html`<section id="notes"><h2>Notes</h2><ul class="notes">${all.map((note) => html`<li>${note}</li>`)}</ul></section>`;
}
