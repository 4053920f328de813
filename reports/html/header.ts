import { verdicts } from '../../rig/contracts/verdict.js';
import type { BoardRecord, RunRecord } from '../../rig/record/model.js';
import { duration, marks, repeatCommand, runVerdict } from '../words.js';
import { fileLink } from './links.js';
import { html, Markup, type Part } from './markup.js';

const wide = new Markup(' class="wide"');

/** The verdict at a glance: the word, the numbers, what ran on what, and how to do it again. */
export function renderHeader(run: RunRecord): Markup {
  const { word, verdict } = runVerdict(run);
  return html`<header class="v-${verdict}"><div class="verdict"><span class="seal" aria-hidden="true">${marks[verdict]}</span><div><p class="kicker">boardrig · ${boardNames(run)}</p><h1>${word}</h1></div>
<p class="total"><b>${run.tests.length}</b> ${run.tests.length === 1 ? 'test' : 'tests'} in <b>${duration(run.durationMs)}</b><br><small>${exitWords(run)}</small></p></div>
${counts(run)}
<dl class="meta">${facts(run).map(([name, value]) => html`<div${(name === 'Board' || name === 'Files') && wide}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<div class="again"><span>Run it again</span><code id="again">${repeatCommand(run)}</code><button type="button" id="copy" hidden>Copy</button></div>
</header>`;
}

function exitWords({ exitCode, signal, truncated }: RunRecord): string {
  if (truncated) return 'no exit code: the log has no end';
  return `exit code ${exitCode}${signal === undefined ? '' : `, ended by ${signal}`}`;
}

function boardNames(run: RunRecord): string {
  return run.boards.map((board) => board.name).join(', ') || 'no board was opened';
}

function counts(run: RunRecord): Markup {
  const shown = verdicts.filter((verdict) => run.counts[verdict] > 0);
  const total = Math.max(run.tests.length, 1);
  const starts = shown.map((_, index) =>
    shown.slice(0, index).reduce((sum, verdict) => sum + (run.counts[verdict] / total) * 100, 0),
  );
  return html`<svg class="share-bar" width="100%" height="10" aria-hidden="true">${shown.map(
    (verdict, index) =>
      html`<rect class="v-${verdict}" x="${(starts[index] ?? 0).toFixed(2)}%" width="${((run.counts[verdict] / total) * 100).toFixed(2)}%" height="10"></rect>`,
  )}</svg><ul class="counts">${shown.map(
    (verdict) =>
      html`<li class="v-${verdict}"><span class="mk">${marks[verdict]}</span> <b>${run.counts[verdict]}</b> ${verdict}</li>`,
  )}</ul>`;
}

function facts(run: RunRecord): [string, Part][] {
  const rig = `${run.rig.version}${run.rig.revision === null ? '' : ` at ${run.rig.revision}`}`;
  const factor =
    run.host.speedFactor === 1 ? '' : `, deadlines × ${Number(run.host.speedFactor.toPrecision(3))}`;
  return [
    ...run.boards.map((board): [string, Part] => ['Board', boardFacts(board)]),
    ['Run', html`<code>${run.run}</code>`],
    [
      'Started',
      html`<time datetime="${run.startedAt}">${run.startedAt.replace('T', ' ').slice(0, 19)} UTC</time>`,
    ],
    ['Rig', html`<code>${rig}</code>`],
    ['Host', `${run.host.name}, ${run.host.cpus} CPUs, ${run.host.node}${factor}`],
    ['Seed', String(run.seed)],
    [
      'Files',
      html`${fileLink('events.ndjson')}, ${fileLink('junit.xml')}, ${fileLink('report.tap')}${run.boards.map((board) => html`, ${fileLink(board.consoleFile)}`)}`,
    ],
  ];
}

function boardFacts({ name, open, boots, cpuSeconds, broken }: BoardRecord): Markup {
  if (open === undefined) return html`<b>${name}</b>, could not be opened`;
  const { image } = open;
  const version = [image?.version, image?.variant].filter((part) => part !== undefined).join(' ');
  return html`<b>${name}</b>${name !== open.boardType && ` (${open.boardType})`}, ${open.virtual ? 'virtual' : 'real'}${open.untested !== undefined && html`, <b title="${open.untested}">untested type</b>`}, profile ${open.profile}${
    image &&
    html`; image ${version === '' ? image.path : version} <code title="sha256 ${image.sha256}">${image.sha256.slice(0, 12)}</code>`
  }<br><small>${boots} cold ${boots === 1 ? 'boot' : 'boots'}${cpuSeconds !== undefined && `, ${cpuSeconds.toFixed(1)} CPU s`}${open.drivers.map((driver) => ` · ${driver.name} ${driver.version}`)}</small>${broken && html`<br><b class="broken">broken: ${broken.message}</b>`}`;
}
