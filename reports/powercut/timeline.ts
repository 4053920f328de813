import {
  type Certificate,
  type JudgedState,
  type Outcome,
  outcomes,
} from '../../rig/contracts/powercut-verdict.js';
import { html, type Markup } from '../html/markup.js';
import { outcomeWords } from './words.js';

const width = 1000;
const height = 160;
/** More columns than this cannot be told apart. */
const maxColumns = 250;

type Shade = Outcome | 'left';
const shades: readonly Shade[] = ['bricked', 'dataLost', 'left', 'recovered', 'new', 'old'];

/** Verdicts over the writes of the operation: a column is a place where the power goes, its height the states that it can leave. */
export function renderTimeline({ judged, phases, log }: Certificate): Markup {
  if (judged.length === 0) return html``;
  const last = judged.reduce((most, { entry }) => Math.max(most, entry), 0);
  const step = Math.max(1, Math.ceil((last + 2) / maxColumns));
  const columns = columnsOf(judged, step);
  const tallest = Math.max(...[...columns.values()].map((states) => states.length), 1);
  const count = Math.floor((last + 1) / step) + 1;
  const x = (entry: number): number => (Math.floor((entry + 1) / step) / count) * width;
  return html`<section id="timeline"><h2>Verdicts over the time line of the writes</h2>
<p class="legend">${outcomes.map((outcome) => html`<span><i class="sw o-${outcome}"></i>${outcomeWords[outcome]}</span>`)}<span><i class="sw o-left"></i>left</span></p>
<svg class="cuts" viewBox="0 0 ${width} ${height + 30}" preserveAspectRatio="none" role="img" aria-label="States by the last write that is on the medium">
${phases.map(
  ({ from, name }, index) =>
    html`<rect class="phase p${index % 2}" x="${x(from - 1).toFixed(2)}" y="0" width="${(width - x(from - 1)).toFixed(2)}" height="${height + 30}"><title>${name}, from write ${from}</title></rect>`,
)}
${[...columns].map(([column, states]) => bars(states, { x: (column / count) * width, width: width / count, tallest }))}
</svg>
<p class="phases">${phases.map(({ name, from }) => html`<span><b>${name}</b> from entry ${from}</span>`)}</p>
<p class="none">Each column is a place in the log of ${log.writes} writes and ${log.flushes} flushes; the tallest holds ${tallest} states, and heights grow with their logarithm.</p></section>`;
}

function columnsOf(judged: readonly JudgedState[], step: number): Map<number, JudgedState[]> {
  const columns = new Map<number, JudgedState[]>();
  for (const state of judged) {
    const column = Math.floor((state.entry + 1) / step);
    const states = columns.get(column);
    if (states) states.push(state);
    else columns.set(column, [state]);
  }
  return columns;
}

function bars(
  states: readonly JudgedState[],
  { x, width, tallest }: { x: number; width: number; tallest: number },
): Markup[] {
  let top = height + 10;
  // A place with a thousand torn states must not make the others vanish.
  const column = (Math.log1p(states.length) / Math.log1p(tallest)) * height;
  const gap = width > 3 ? 0.6 : 0;
  return shades.flatMap((shade) => {
    const found = states.filter(({ verdict }) => (verdict?.outcome ?? 'left') === shade);
    if (found.length === 0) return [];
    // What is bad is seen even where it is one state of thousands.
    const tall = Math.max(
      (found.length / states.length) * column,
      shade === 'bricked' || shade === 'dataLost' ? 4 : 0.7,
    );
    top -= tall;
    const words = shade === 'left' ? 'left' : outcomeWords[shade];
    return [
      html`<rect class="o-${shade}" x="${x.toFixed(2)}" y="${top.toFixed(2)}" width="${(width - gap).toFixed(2)}" height="${tall.toFixed(2)}"><title>behind entry ${found[0]?.entry ?? 0}: ${found.length} ${words}, such as ${found[0]?.state ?? ''}</title></rect>`,
    ];
  });
}
