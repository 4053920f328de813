import type { Json } from '../../rig/contracts/errors.js';
import { isJsonObject } from '../../rig/contracts/json.js';
import type { AssertionRecord, AttemptRecord, StepRecord } from '../../rig/record/model.js';
import { diagnosticText } from '../explain.js';
import { duration } from '../words.js';
import { html, type Markup } from './markup.js';

/** Steps as a tree with their times; failed assertions in full, those that held as one line that opens. */
export function renderSteps(attempt: AttemptRecord): Markup {
  if (attempt.steps.length === 0 && attempt.assertions.length === 0) return html``;
  return html`<h4>Steps</h4><ul class="steps">${attempt.steps.map((step) => stepItem(step, attempt))}${
    attempt.assertions.length > 0 && html`<li>${assertions(attempt.assertions)}</li>`
  }</ul>`;
}

function stepItem(step: StepRecord, attempt: AttemptRecord): Markup {
  const open = step.endT === undefined;
  const ms = (step.endT ?? attempt.endT) - step.startT;
  const total = Math.max(attempt.endT - attempt.startT, 1);
  const from = ((step.startT - attempt.startT) / total) * 100;
  const width = Math.max((ms / total) * 100, 0.5);
  const state = open ? 'open' : step.ok ? 'good' : 'bad';
  return html`<li><div class="step ${state}"><span class="mk">${open ? '…' : step.ok ? '✓' : '✗'}</span><span class="nm">${step.name}${open && ' (under way when the test ended)'}</span>
<svg class="share" width="100%" height="6" aria-hidden="true"><rect x="${from.toFixed(2)}%" width="${width.toFixed(2)}%" height="6" rx="1"></rect></svg><span class="ms">${duration(ms)}</span></div>
${step.error && step.error.message !== attempt.error?.message && html`<p class="steperr">${step.error.message}</p>`}
${assertions(step.assertions)}
${step.children.length > 0 && html`<ul>${step.children.map((child) => stepItem(child, attempt))}</ul>`}</li>
`;
}

function assertions(all: readonly AssertionRecord[]): Markup {
  const failed = all.filter((assertion) => !assertion.ok);
  const held = all.filter((assertion) => assertion.ok);
  return html`${failed.map(failedAssertion)}${
    held.length > 0 &&
    html`<details class="held"><summary>${held.length} ${held.length === 1 ? 'assertion' : 'assertions'} held</summary><ul>${held.map(({ name }) => html`<li>${name}</li>`)}</ul></details>`
  }`;
}

function failedAssertion({ name, diagnostic }: AssertionRecord): Markup {
  const fields = isJsonObject(diagnostic) ? diagnostic : undefined;
  const { found, wanted, diff, ...rest } = fields ?? {};
  const others = fields ? rest : diagnostic === undefined ? {} : { diagnostic };
  const compared = fields !== undefined && ('found' in fields || 'wanted' in fields);
  return html`<div class="assert"><p><span class="mk">✗</span> ${name}</p>${
    compared &&
    html`<dl class="cmp">${'found' in fields && html`<div><dt>found</dt><dd><pre>${shown(found)}</pre></dd></div>`}${'wanted' in fields && html`<div><dt>wanted</dt><dd><pre>${shown(wanted)}</pre></dd></div>`}</dl>`
  }${typeof diff === 'string' && diff.includes('\n') && (!compared || isLong(found, wanted)) && html`<pre class="diff">${diff}</pre>`}${
    Object.keys(others).length > 0 && html`<pre class="diff">${diagnosticText(others)}</pre>`
  }</div>`;
}

function shown(value: Json | undefined): string {
  if (value === undefined) return 'undefined';
  if (typeof value === 'string') return value === '' ? "'' (empty)" : value;
  return typeof value === 'object' && value !== null ? diagnosticText(value) : String(value);
}

/** Side by side tells enough of short values; of long ones the difference does. */
function isLong(found: Json | undefined, wanted: Json | undefined): boolean {
  return shown(found).split('\n').length + shown(wanted).split('\n').length > 6;
}
