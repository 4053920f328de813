import type { BoardRecord, EpochRecord, RunRecord } from '../../rig/record/model.js';
import { duration } from '../words.js';
import { html, type Markup } from './markup.js';

const stages = ['firmware', 'bootloader', 'kernel', 'init', 'shell'] as const;
const maxBoots = 40;

/** Every boot as a bar of its stages, all to one scale, so that a slow one shows. */
export function renderBoots(run: RunRecord): Markup {
  const boards = run.boards.filter((board) =>
    board.epochs.some((epoch) => isBoot(epoch) && epoch.stages.length > 0),
  );
  if (boards.length === 0) return html``;
  const longest = Math.max(
    ...boards.flatMap((board) => board.epochs.filter(isBoot).map((epoch) => epoch.stages.at(-1)?.ms ?? 0)),
    1,
  );
  return html`<section id="boots"><h2>Boots</h2>
<p class="legend">${stages.slice(0, 4).map((stage) => html`<span><i class="sw st-${stage}"></i>in ${stage}</span>`)}<span><i class="sw st-shell"></i>shell answers</span></p>
${boards.map((board) => boardBoots(board, longest))}</section>`;
}

/** A saved machine that goes on has no stages to show. */
function isBoot({ reason }: EpochRecord): boolean {
  return reason !== 'restore';
}

function boardBoots(board: BoardRecord, longest: number): Markup {
  const boots = board.epochs.filter(isBoot);
  const shown = boots.slice(-maxBoots);
  const older = boots.length - shown.length;
  return html`<table class="boots"><caption>${board.name}</caption><tbody>
${older > 0 && html`<tr><td colspan="3" class="none">${older} earlier boots are in the event log</td></tr>`}
${shown.map((epoch) => bootRow(epoch, longest))}</tbody></table>`;
}

function bootRow(epoch: EpochRecord, longest: number): Markup {
  const last = epoch.stages.at(-1);
  const summary =
    last === undefined
      ? 'nothing seen'
      : `${last.stage === 'shell' ? 'shell' : `got to ${last.stage}`}, ${duration(last.ms)}`;
  return html`<tr><th scope="row">${epoch.epoch} <span>${epoch.reason} at ${duration(epoch.t)}</span></th>
<td class="stages"><svg width="100%" height="20" role="img" aria-label="${words(epoch)}">${segments(epoch, longest)}</svg></td>
<td class="sum">${summary}</td></tr>
`;
}

function segments(epoch: EpochRecord, longest: number): Markup[] {
  const starts = [{ stage: 'reset', ms: 0 }, ...epoch.stages];
  return starts.slice(0, -1).map(({ stage, ms }, index) => {
    const spent = (starts[index + 1]?.ms ?? ms) - ms;
    const width = (spent / longest) * 100;
    return html`<svg x="${((ms / longest) * 100).toFixed(3)}%" width="${Math.max(width, 0.3).toFixed(3)}%" height="20" class="bar st-${stage}"><title>${stage === 'reset' ? 'until the first output' : stage}: ${duration(spent)}</title><rect width="100%" height="100%" rx="2"></rect>${width > 9 && html`<text x="6" y="14">${duration(spent)}</text>`}</svg>`;
  });
}

function words(epoch: EpochRecord): string {
  return (
    epoch.stages.map(({ stage, ms }) => `${stage} after ${duration(ms)}`).join(', ') || 'no stage was seen'
  );
}
