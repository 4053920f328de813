import { createHash } from 'node:crypto';
import { firstLine } from '../../rig/contracts/errors.js';
import { type Verdict, verdicts } from '../../rig/contracts/verdict.js';
import { nameOf, type RunRecord, runProblem, type SuiteRecord } from '../../rig/record/model.js';
import { blameWords, duration, marks, runVerdict } from '../words.js';
import { renderBoots } from './boots.js';
import { ConsoleBudget } from './budget.js';
import { renderError } from './error.js';
import { renderHeader } from './header.js';
import { renderLanes } from './lanes.js';
import { anchorOf } from './links.js';
import { html, Markup } from './markup.js';
import { renderRepetitions, shownTests } from './repetitions.js';
import { script } from './script.js';
import { renderSlots } from './slots.js';
import { style } from './style.js';
import { consoleStyle } from './style-console.js';
import { isBad, renderTest } from './test.js';

/**
 * The run as one page that needs nothing but itself: no network, no other file. What devices said is in it as escaped
 * text only, and the page's own policy allows no script, style or address but those written here.
 */
export function htmlReport(run: RunRecord): string {
  const budget = new ConsoleBudget(run);
  const css = `${style}${consoleStyle}`;
  const policy = `default-src 'none'; img-src data:; style-src '${sha256(css)}'; script-src '${sha256(script)}'; base-uri 'none'; form-action 'none'`;
  const { word } = runVerdict(run);
  const problem = runProblem(run);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${word}: ${run.run}</title><style>${new Markup(css)}</style></head><body><main>
${renderHeader(run)}
${problem && html`<section id="problem"><h2>The run itself</h2>${renderError(problem)}</section>`}
${renderRepetitions(run)}
${failures(run)}
<section id="timeline"><h2>Time line</h2><div class="scroll" tabindex="0" role="region" aria-label="Time line">${run.boards.map((board) => renderLanes(run, board))}</div></section>
${renderBoots(run)}
${renderSlots(run)}
<section id="tests"><h2>Tests</h2>${toolbar(run)}${run.suites.map((suite) => suiteSection(run, suite, budget))}
<p class="none" id="nomatch" hidden>No test matches.</p></section>
${logs(run)}
<footer><p>Made by boardrig ${run.rig.version} from <code>events.ndjson</code> alone; <code>rig report ${run.run}</code> makes it again.</p>
<p class="keys"><kbd>/</kbd> search <kbd>j</kbd> <kbd>k</kbd> next, previous test <kbd>n</kbd> next failure <kbd>e</kbd> open or close all</p></footer>
</main><script>${new Markup(script)}</script></body></html>
`.text;
}

function failures(run: RunRecord): Markup {
  const bad = shownTests(run.tests.filter(isBad));
  if (bad.length === 0) return html``;
  return html`<section id="failures"><h2>What went wrong</h2><ol class="failures">${bad.map(
    (
      test,
    ) => html`<li class="v-${test.verdict}"><span class="mk">${marks[test.verdict]}</span> <a href="#${anchorOf(test.id)}">${nameOf(test)}</a> <small>${test.board}, ${test.suite}</small>
<p>${test.error && html`<span class="tag b-${test.error.blame}">${blameWords[test.error.blame]}</span> `}${firstLine(test.error?.message ?? test.reason ?? '')}</p></li>`,
  )}</ol></section>`;
}

function toolbar(run: RunRecord): Markup {
  const shown = verdicts.filter((verdict) => run.counts[verdict] > 0);
  return html`<div class="toolbar" role="search"><input type="search" id="search" placeholder="Search tests, errors, console  ( / )" aria-label="Search tests">
<div class="chips" role="group" aria-label="Show verdicts">${shown.map(
    (verdict) =>
      html`<button type="button" class="chip v-${verdict}" data-v="${verdict}" aria-pressed="false">${marks[verdict]} ${verdict} <b>${run.counts[verdict]}</b></button>`,
  )}</div><output id="shown" aria-live="polite"></output></div>`;
}

const gravity: readonly Verdict[] = ['failed', 'errored', 'blocked', 'flaky', 'passed', 'skipped'];

/** Failures first; else in the order in which they ran. */
function suiteSection(run: RunRecord, suite: SuiteRecord, budget: ConsoleBudget): Markup {
  const rank = (verdict: Verdict): number => Math.min(gravity.indexOf(verdict), gravity.indexOf('flaky'));
  const shown = shownTests(suite.tests);
  const hidden = suite.tests.length - shown.length;
  const tests = [...shown].sort((a, b) => rank(a.verdict) - rank(b.verdict));
  const missing = suite.planned - suite.tests.length;
  return html`<section class="suite"><h3>${suite.suite} <small>on ${suite.board} · ${suite.tests.length} tests · ${duration(suite.endT - suite.startT)}${missing > 0 && ` · ${missing} never began`}</small></h3>
${tests.map((test) => renderTest(run, test, budget))}${hidden > 0 && html`<p class="none">${hidden} more repetitions are in the event log.</p>`}</section>
`;
}

function logs(run: RunRecord): Markup {
  if (run.logs.length === 0) return html``;
  return html`<section id="notes"><h2>Notes of the rig</h2><ul class="notes">${run.logs.slice(0, 200).map(
    ({ t, level, message, board }) =>
      html`<li class="${level}"><span class="t">${duration(t)}</span> ${board !== undefined && html`<b>${board}</b> `}${message}</li>
`,
  )}</ul>${run.logs.length > 200 && html`<p class="none">${run.logs.length - 200} more are in the event log.</p>`}</section>`;
}

function sha256(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
