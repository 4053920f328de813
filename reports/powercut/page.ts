import { createHash } from 'node:crypto';
import { type Certificate, outcomes } from '../../rig/contracts/powercut-verdict.js';
import { html, Markup } from '../html/markup.js';
import { style } from '../html/style.js';
import { duration } from '../words.js';
import { renderClasses } from './classes.js';
import { renderCounterexamples } from './counterexamples.js';
import { powercutStyle } from './style.js';
import { renderTimeline } from './timeline.js';
import { kindWords, modelWords, outcomeWords, tierWords } from './words.js';

/** The certificate as one page that needs nothing but itself, of the same make as a run's report. */
export function powercutPage(certificate: Certificate): string {
  const css = `${style}${powercutStyle}`;
  const hash = createHash('sha256').update(css).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const { operation, board } = certificate;
  const { word } = verdictOf(certificate);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${word}: power cuts in ${operation} on ${board.name}</title><style>${new Markup(css)}</style></head><body><main>
${header(certificate)}
${renderCounterexamples(certificate)}
${renderTimeline(certificate)}
${countsTable(certificate)}
${renderClasses(certificate)}
<footer><p>Made by boardrig from <code>certificate.json</code> alone.</p></footer>
</main></body></html>
`.text;
}

function verdictOf({ verdicts, left, checked }: Certificate): { word: string; verdict: string } {
  if (verdicts.bricked > 0) return { word: 'Bricked', verdict: 'failed' };
  if (verdicts.dataLost > 0) return { word: 'Data lost', verdict: 'failed' };
  if (checked.disagreed.length > 0) return { word: 'Not proven', verdict: 'errored' };
  if (left > 0) return { word: 'Not all judged', verdict: 'flaky' };
  return { word: 'No brick', verdict: 'passed' };
}

function header(certificate: Certificate): Markup {
  const { operation, board, base, model, seed, log, states, distinct, booted, checked, toldByBootloader } =
    certificate;
  const { word, verdict } = verdictOf(certificate);
  const facts: readonly (readonly [string, string])[] = [
    ['Medium', `${model}: ${modelWords[model]}`],
    [
      'Before the operation',
      `${base.version ?? 'image'} (${base.sha256.slice(0, 12)}, ${base.sizeBytes / 2 ** 20} MiB)`,
    ],
    [
      model === 'physical' ? 'Operation' : 'Recorded',
      `${log.writes} writes, ${log.flushes} flushes, ${log.discards} discards, ${(log.bytes / 1e6).toFixed(1)} MB in ${log.epochs} epochs${log.cutShort ? '; the log ends within an entry, and what was written then is in no state' : ''}`,
    ],
    [
      'Judged by',
      `${booted} boots${costOf(certificate)}; ${certificate.settledStatically} states settled by the boot of another that read the same bytes`,
    ],
    ...(toldByBootloader === undefined
      ? []
      : ([
          [
            "Bootloader's word",
            `known of ${toldByBootloader.states} of ${states} states, of which it tells ${toldByBootloader.distinct} apart`,
          ],
        ] as const)),
    [
      'Checked',
      `${checked.states} states settled without a boot were booted all the same; ${checked.disagreed.length} came out otherwise${checked.disagreed.length > 0 ? `: ${checked.disagreed.join(', ')}` : ''}`,
    ],
    ['Seed', String(seed)],
  ];
  return html`<header class="v-${verdict}"><div class="verdict"><span class="seal" aria-hidden="true">${verdict === 'passed' ? '✓' : '✗'}</span>
<div><p class="kicker">Power cuts in ${operation} on ${board.name}</p><h1>${word}</h1></div>
<p class="total"><b>${states}</b> states, <b>${distinct}</b> distinct<br>in <b>${duration(certificate.seconds * 1000)}</b></p></div>
<ul class="counts">${outcomes.map((outcome) => html`<li><i class="sw o-${outcome}"></i> <b>${certificate.verdicts[outcome]}</b> ${outcomeWords[outcome]}</li>`)}
<li><i class="sw o-left"></i> <b>${certificate.left}</b> left</li></ul>
<dl class="meta">${facts.map(([name, value]) => html`<div class="wide"><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></header>`;
}

function costOf({ spent }: Certificate): string {
  const known = spent.filter(({ cpuSeconds }) => cpuSeconds > 0);
  const costs = known.map(
    ({ tier, boots, cpuSeconds }) => `${tierWords[tier]}: ${boots} in ${cpuSeconds} CPU s`,
  );
  return costs.length === 0 ? '' : ` (${costs.join(', ')})`;
}

function countsTable({ counts, sampled, notTorn }: Certificate): Markup {
  return html`<section id="states"><h2>States</h2><table class="plain"><thead><tr><th>kind</th><th>judged</th><th>of</th></tr></thead><tbody>
${counts.map(({ kind, states, of }) => html`<tr><td>${kindWords[kind]}</td><td>${states}</td><td>${of}</td></tr>`)}</tbody></table>
${sampled.length > 0 && html`<p>Sampled, since their subsets are too many: ${sampled.map(({ epoch, writes, states, of, settled }) => `epoch ${epoch} (${writes} writes: ${states} of ${of}${settled === undefined ? '' : `; the boots settle ${settled === 'all' ? 'all of them' : settled}`})`).join(', ')}.</p>`}
${notTorn.writes > 0 && html`<p>Not torn: ${notTorn.writes} writes of more than one sector, which lie where no boot looks (${notTorn.states} states).</p>`}</section>`;
}
