import type { JobResult, NightReport, SuiteCell, TrendPoint } from '../../rig/contracts/night.js';
import { fileLink } from '../html/links.js';
import { html, type Markup } from '../html/markup.js';
import { countWords, duration, marks } from '../words.js';
import { nightDay, placeWords } from './words.js';

const shown = 14;
const barWidth = 6;
const height = 18;

/** Boards and images down, suites across: a verdict in each cell, with what the nights before came to. */
export function renderMatrix({ jobs, boards }: NightReport): Markup {
  const suites = [...new Set(jobs.flatMap((job) => job.suites.map(({ suite }) => suite)))];
  const offline = new Map(boards.map((board) => [board.name, board.offline]));
  return html`<section id="matrix"><h2>Boards and suites</h2><div class="scroll" tabindex="0" role="region" aria-label="Boards and suites"><table class="matrix"><thead><tr><td></td>${suites.map((suite) => html`<th scope="col">${suite}</th>`)}</tr></thead><tbody>
${jobs.map((job) => {
  const why = offline.get(job.board);
  return html`<tr><th scope="row">${placeWords(job)}${why !== undefined && html`<small class="offline">offline: ${why}</small>`}</th>${suites.map(
    (suite) =>
      cell(
        job,
        job.suites.find((one) => one.suite === suite),
      ),
  )}</tr>
`;
})}</tbody></table></div></section>`;
}

function cell(job: JobResult, found: SuiteCell | undefined): Markup {
  if (!found) return html`<td class="empty"></td>`;
  const { verdict, counts, excused, tests, ms, trend } = found;
  const label = excused ? 'in quarantine' : verdict === 'passed' ? 'passed' : countsWithout(found);
  const dir = tests.findLast((test) => test.verdict === verdict)?.dir ?? job.attempts.at(-1)?.dir;
  const text = html`<span class="mk">${marks[verdict]}</span> <b>${counts.passed + counts.flaky}</b>/${tests.length - counts.skipped}`;
  return html`<td class="v-${verdict}${excused && ' excused'}" title="${countWords(counts)} in ${duration(ms)}">${dir === undefined ? text : fileLink(`${dir}/report.html`, text)}<small>${label}</small>${sparkline([...trend, { night: 'tonight', verdict, passed: counts.passed + counts.flaky, of: tests.length - counts.skipped, ms }])}</td>`;
}

function countsWithout({ counts }: SuiteCell): string {
  return countWords({ ...counts, passed: 0, skipped: 0 }).replace('no test ran', 'skipped');
}

/** One bar a night: as high as the share that passed, in the colour of the worst verdict; the line is the time it took. */
function sparkline(trend: readonly TrendPoint[]): Markup {
  const points = trend.slice(-shown);
  if (points.length < 2) return html``;
  const longest = Math.max(...points.map(({ ms }) => ms), 1);
  const line = points
    .map(
      ({ ms }, index) =>
        `${index * barWidth + barWidth / 2 - 0.5},${(height - 1 - (ms / longest) * (height - 3)).toFixed(1)}`,
    )
    .join(' ');
  return html`<svg class="spark" width="${points.length * barWidth}" height="${height}" role="img" aria-label="the last ${points.length} nights">${points.map(
    ({ night, verdict, passed, of, ms }, index) => {
      const high = Math.max(2, of === 0 ? 2 : (passed / of) * height);
      return html`<rect class="v-${verdict}" x="${index * barWidth}" y="${(height - high).toFixed(1)}" width="${barWidth - 1}" height="${high.toFixed(1)}"><title>${nightDay(night)}: ${verdict}, ${passed} of ${of}, ${duration(ms)}</title></rect>`;
    },
  )}<polyline points="${line}"></polyline></svg>`;
}
