import type { AttemptRecord, BoardRecord } from '../../rig/record/model.js';
import { AnsiText } from './ansi.js';
import { fileLink } from './links.js';
import { type LogRow, logRows } from './log-rows.js';
import { html, type Markup } from './markup.js';

const icons: Readonly<Record<Exclude<LogRow['kind'], 'console'>, string>> = {
  power: '⏻',
  link: '⇄',
  epoch: '↻',
  stage: '▲',
  input: '⌨',
  step: '▸',
  trouble: '✗',
  note: 'i',
};

/** The log of an attempt as HTML: time on the left; console text and actions, interleaved, on the right. */
export function renderLog(
  dir: string,
  place: { boards: readonly BoardRecord[]; attempt: AttemptRecord; maxBytes: number },
): Markup {
  const { boards, attempt } = place;
  const rows = logRows(dir, place);
  if (rows.length === 0)
    return html`<p class="none">Nothing on the console and nothing done to the board.</p>`;
  const ansi = new Map(boards.map((board) => [board.name, new AnsiText()]));
  const several = boards.length > 1;
  const out: Markup[] = [];
  for (const group of groupRows(rows)) {
    const [first] = group;
    if (!first) continue;
    const label = several && html`<b class="who">${first.board}</b> `;
    const time = html`<span class="t">${((first.t - attempt.startT) / 1000).toFixed(3)}</span>`;
    if (first.kind === 'console') {
      const file = boards.find((board) => board.name === first.board)?.consoleFile ?? '';
      out.push(html`<div class="l">${time}<code>${label}${group.map((row) => consoleText(row, { ansi, file }))}</code></div>
`);
    } else {
      out.push(html`<div class="l ev ${first.kind}">${time}<span>${label}<i class="ic">${icons[first.kind]}</i> ${first.text}</span></div>
`);
    }
  }
  return html`<div class="log" tabindex="0" role="log" aria-live="off" aria-label="Console and actions">${out}</div>`;
}

function consoleText(row: LogRow, { ansi, file }: { ansi: Map<string, AnsiText>; file: string }): Markup {
  if (row.kind !== 'console') return html``;
  if (row.leftOutBytes !== undefined)
    return html`<b class="gap">… ${row.leftOutBytes.toLocaleString('en')} bytes left out here; the whole console is in ${fileLink(file)} …</b>
`;
  return html`${ansi.get(row.board)?.render(row.text)}
`;
}

/** Lines that arrived together share a row; an event has its own. */
function groupRows(rows: readonly LogRow[]): LogRow[][] {
  const groups: LogRow[][] = [];
  for (const row of rows) {
    const last = groups.at(-1)?.[0];
    const together =
      last?.kind === 'console' && row.kind === 'console' && last.t === row.t && last.board === row.board;
    if (together) groups.at(-1)?.push(row);
    else groups.push([row]);
  }
  return groups;
}
