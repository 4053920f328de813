import { join } from 'node:path';
import { isFrozen } from '../../rig/record/frozen.js';
import {
  type AttemptRecord,
  boardsOf,
  nameOf,
  type RunRecord,
  type TestRecord,
} from '../../rig/record/model.js';
import { duration, marks, resumeCommand } from '../words.js';
import type { ConsoleBudget } from './budget.js';
import { renderError } from './error.js';
import { renderEvidence } from './evidence.js';
import { anchorOf } from './links.js';
import { renderLog } from './log.js';
import { html, Markup } from './markup.js';
import { renderSteps } from './steps.js';

const openAttribute = new Markup(' open');

/** One test: a line that opens. Everything that an engineer asks of a failure is open already. */
export function renderTest(run: RunRecord, test: TestRecord, budget: ConsoleBudget): Markup {
  const bad = isBad(test);
  const share = Math.min(Math.max((test.ms / Math.max(run.durationMs, 1)) * 100, 0.6), 100);
  return html`<details class="test v-${test.verdict}" id="${anchorOf(test.id)}" data-v="${test.verdict}"${bad && openAttribute}>
<summary><span class="mk">${marks[test.verdict]}</span><span class="nm">${nameOf(test)}${
    test.reason !== undefined && html` <small>${test.reason}</small>`
  }</span>${test.attempts.length > 1 && html`<span class="tag">${test.attempts.length} attempts</span>`}${
    test.verdict !== 'passed' && html`<span class="tag vt">${test.verdict}</span>`
  }<svg class="share" width="100%" height="6" aria-hidden="true"><rect width="${share.toFixed(2)}%" height="6" rx="1"></rect></svg><span class="ms">${duration(test.ms)}</span></summary>
<div class="body">${test.attempts.map((attempt) => renderAttempt(run, { test, attempt, budget }))}${
    test.attempts.some(isFrozen) &&
    html`<p class="facts">Enter the board where it failed: <code>${resumeCommand(runWord(run), test.id)}</code></p>`
  }</div></details>
`;
}

export function isBad({ verdict }: TestRecord): boolean {
  return verdict === 'failed' || verdict === 'errored';
}

/** As `rig resume` finds it: by name in ./runs, else by its folder. */
function runWord({ dir, run }: RunRecord): string {
  return dir.endsWith(join('runs', run)) ? run : dir;
}

function renderAttempt(
  run: RunRecord,
  { test, attempt, budget }: { test: TestRecord; attempt: AttemptRecord; budget: ConsoleBudget },
): Markup {
  const bad = attempt.verdict === 'failed' || attempt.verdict === 'errored';
  const boards = boardsOf(run, test);
  // A test that never touched its board has nothing to show but why.
  const touched = attempt.verdict !== 'blocked' && attempt.verdict !== 'skipped';
  return html`<section class="attempt">${
    test.attempts.length > 1 &&
    html`<h3><span class="mk">${marks[attempt.verdict]}</span> Attempt ${attempt.attempt}: ${attempt.verdict}</h3>`
  }
${attempt.error ? renderError(attempt.error) : attempt.reason !== undefined && html`<p class="reason">${attempt.reason}</p>`}
${renderSteps(attempt)}
${measures(attempt)}
${renderEvidence(attempt.evidence, { dir: run.dir, budget })}
${
  touched &&
  html`<details class="console"${bad && openAttribute}><summary>Console and actions, ${duration(attempt.endT - attempt.startT)} from ${duration(attempt.startT)} into the run</summary>
${renderLog(run.dir, { boards, attempt, maxBytes: budget.bytesFor(attempt) })}</details>
<p class="facts">Started from <b>${attempt.from}</b> · deadline ${duration(attempt.deadlineMs)} · <code>${test.id}</code>${test.repetition && html` · on ${test.board} · seed ${test.repetition.seed}`}</p>`
}</section>`;
}

function measures(attempt: AttemptRecord): Markup {
  if (attempt.measures.length === 0) return html``;
  return html`<h4>Measured</h4><dl class="measures">${attempt.measures.map(
    ({ name, value, unit }) =>
      html`<div><dt>${name}</dt><dd>${typeof value === 'number' ? Number(value.toPrecision(6)) : '–'} <small>${unit}</small></dd></div>`,
  )}</dl>`;
}
