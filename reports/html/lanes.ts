import {
  type BoardRecord,
  type EpochRecord,
  nameOf,
  type RunRecord,
  type TestRecord,
} from '../../rig/record/model.js';
import { duration } from '../words.js';
import { anchorOf } from './links.js';
import { html, type Markup } from './markup.js';

interface Bar {
  readonly fromT: number;
  readonly toT: number;
  readonly className: string;
  readonly label: string;
  readonly title: string;
  readonly href?: string;
}

const laneHeight = 24;
/** In percent of the whole: a narrower bar has no room for a word. */
const minLabelWidth = 5;

/** The run of one board as lanes over time: power, boots by stage, network where it was touched, tests. */
export function renderLanes(run: RunRecord, board: BoardRecord): Markup {
  const total = Math.max(run.durationMs, 1);
  const own = run.tests.filter((test) => test.board === board.name);
  const lanes: (readonly [string, readonly Bar[]])[] = [
    ['power', powerBars(board, total)],
    ['boots', board.epochs.flatMap((epoch) => bootBars(epoch))],
    ['link', linkBars(board, total)],
    ['tests', own.flatMap(testBars)],
  ];
  const shown = lanes.filter(([, bars]) => bars.length > 0);
  const height = shown.length * laneHeight;
  return html`<figure class="lanes"><figcaption>${board.name}</figcaption>
<div class="names">${shown.map(([name]) => html`<span>${name}</span>`)}</div>
<svg width="100%" height="${height + 22}" role="img" aria-label="Time line of ${board.name}">
${ticks(total).map((t) => tick(t, { total, height }))}
${shown.map(([, bars], index) => bars.map((bar) => renderBar(bar, { total, y: index * laneHeight })))}
</svg></figure>`;
}

function renderBar(bar: Bar, { total, y }: { total: number; y: number }): Markup {
  const width = Math.max(((bar.toT - bar.fromT) / total) * 100, 0.12);
  const box = html`<svg x="${percent(bar.fromT / total)}" y="${y + 2}" width="${width.toFixed(3)}%" height="${laneHeight - 5}" class="bar ${bar.className}"><title>${bar.title}</title><rect width="100%" height="100%" rx="2"></rect>${width > minLabelWidth && html`<text x="6" y="14">${bar.label}</text>`}</svg>`;
  return bar.href === undefined ? box : html`<a href="#${bar.href}" tabindex="-1">${box}</a>`;
}

function powerBars(board: BoardRecord, endT: number): Bar[] {
  const bars: Bar[] = [];
  let onSince: number | undefined;
  const close = (toT: number): void => {
    if (onSince === undefined) return;
    const title = `on, ${seconds(onSince)} to ${seconds(toT)}`;
    bars.push({ fromT: onSince, toT, className: 'on', label: 'on', title });
    onSince = undefined;
  };
  for (const event of board.timeline) {
    if (event.type !== 'power') continue;
    if (event.state === 'on') onSince ??= event.t;
    else close(event.t);
  }
  close(endT);
  return bars;
}

function bootBars(epoch: EpochRecord): Bar[] {
  return epoch.stages.map((reached, index): Bar => {
    const toT = epoch.stages[index + 1]?.t ?? epoch.endT;
    const { stage } = reached;
    return {
      fromT: reached.t,
      toT,
      className: `st-${stage}`,
      label: stage,
      title: `boot ${epoch.epoch}: ${stage} after ${duration(reached.ms)}`,
    };
  });
}

function linkBars(board: BoardRecord, endT: number): Bar[] {
  const changes = board.timeline.filter((event) => event.type === 'link');
  return changes.flatMap((event, index): Bar[] => {
    const toT = changes[index + 1]?.t ?? endT;
    const title = `link ${event.state}, ${seconds(event.t)} to ${seconds(toT)}`;
    return event.state === 'down' ? [{ fromT: event.t, toT, className: 'down', label: 'down', title }] : [];
  });
}

function testBars(test: TestRecord): Bar[] {
  return test.attempts.map((attempt) => ({
    fromT: attempt.startT,
    toT: attempt.endT,
    className: `v-${attempt.verdict}`,
    label: nameOf(test),
    title: `${test.suite}: ${nameOf(test)}, ${attempt.verdict}, ${duration(attempt.ms)}`,
    href: anchorOf(test.id),
  }));
}

function tick(t: number, { total, height }: { total: number; height: number }): Markup {
  const x = percent(t / total);
  return html`<line x1="${x}" x2="${x}" y1="0" y2="${height}"></line><text class="tick" x="${x}" y="${height + 15}">${seconds(t)}</text>
`;
}

/** About eight round times, none so close to the end that its label would be cut off. */
function ticks(total: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400].map((s) => s * 1000);
  const step = steps.find((size) => total / size <= 8) ?? 28_800_000;
  return Array.from({ length: Math.floor((total * 0.96) / step) + 1 }, (_, index) => index * step);
}

function seconds(t: number): string {
  return t < 120_000 ? `${Number((t / 1000).toFixed(1))} s` : `${Number((t / 60_000).toFixed(1))} min`;
}

function percent(part: number): string {
  return `${(Math.min(Math.max(part, 0), 1) * 100).toFixed(3)}%`;
}
