import type { JobAttempt, JobResult, NightReport } from '../../rig/contracts/night.js';
import { type Verdict, worstFirst } from '../../rig/contracts/verdict.js';
import { html, type Markup } from '../html/markup.js';
import { duration, marks } from '../words.js';

const laneHeight = 24;
const coreHeight = 16;
/** In percent of the whole: a narrower bar has no room for a word. */
const minLabelWidth = 6;

interface Bar {
  readonly job: JobResult;
  readonly attempt: JobAttempt;
  readonly verdict: Verdict;
  readonly cpus: number;
}

/** What ran when, a lane a board, and how many CPUs of the host it took: an idle one while jobs wait would show as a gap. */
export function renderGantt(report: NightReport): Markup {
  const bars = barsOf(report);
  if (bars.length === 0) return html``;
  const total = Math.max(report.durationMs, 1);
  const boards = [...new Set(bars.map(({ attempt }) => attempt.board))];
  const virtual = bars.some(({ cpus }) => cpus > 0);
  const coresHeight = virtual ? report.plan.host.cpus * coreHeight : 0;
  const lanesHeight = boards.length * laneHeight;
  return html`<section id="schedule"><h2>Schedule</h2><div class="scroll" tabindex="0" role="region" aria-label="Schedule"><figure class="lanes gantt">
<div class="names">${boards.map((board) => html`<span>${board}</span>`)}${virtual && html`<span>CPUs</span>`}</div>
<svg width="100%" height="${lanesHeight + coresHeight + 24}" role="img" aria-label="What ran when">
${bars.map((bar) => renderBar(bar, { total, y: boards.indexOf(bar.attempt.board) * laneHeight }))}
${virtual && cores(bars, { total, top: lanesHeight + 2, of: report.plan.host.cpus })}
${[0, 0.25, 0.5, 0.75, 1].map((at) => html`<text class="tick" x="${(at * 100).toFixed(1)}%" y="${lanesHeight + coresHeight + 18}" text-anchor="${at === 0 ? 'start' : at === 1 ? 'end' : 'middle'}">${duration(at * total)}</text>`)}
</svg></figure></div>${virtual && html`<p class="facts">${usedWords(bars, { total, of: report.plan.host.cpus, rig: report.rigCpuSeconds })}</p>`}</section>`;
}

function barsOf({ jobs, plan }: NightReport): Bar[] {
  return jobs.flatMap((job) => {
    const cpus = plan.jobs.find(({ id }) => id === job.id)?.cost.cpus ?? 0;
    return job.attempts.map((attempt): Bar => {
      const verdicts = job.suites.flatMap(({ tests }) =>
        tests.filter(({ dir }) => dir === attempt.dir).map(({ verdict }) => verdict),
      );
      const verdict = worstFirst.find((one) => verdicts.includes(one)) ?? 'errored';
      return { job, attempt, verdict, cpus };
    });
  });
}

function renderBar({ job, attempt, verdict }: Bar, { total, y }: { total: number; y: number }): Markup {
  const { startMs, endMs, truncated, boots, boardCpuSeconds } = attempt;
  const width = Math.max(((endMs - startMs) / total) * 100, 0.15);
  const words = `${job.id}, attempt ${attempt.attempt}: ${verdict}, ${duration(endMs - startMs)} from ${duration(startMs)}, ${boots} boots, ${boardCpuSeconds.toFixed(0)} CPU s${truncated ? ', cut short' : ''}`;
  return html`<svg x="${((startMs / total) * 100).toFixed(3)}%" y="${y + 2}" width="${width.toFixed(3)}%" height="${laneHeight - 5}" class="bar v-${verdict}"><title>${words}</title><rect width="100%" height="100%" rx="2"></rect>${width > minLabelWidth && html`<text x="6" y="14">${marks[verdict]} ${job.image === 'default' ? duration(endMs - startMs) : job.image}</text>`}</svg>`;
}

interface Level {
  readonly fromMs: number;
  readonly toMs: number;
  readonly cpus: number;
}

/** How many CPUs the jobs were given, from change to change. */
function levelsOf(bars: readonly Bar[]): Level[] {
  const times = [...new Set(bars.flatMap(({ attempt }) => [attempt.startMs, attempt.endMs]))].sort(
    (a, b) => a - b,
  );
  return times.slice(1).map((toMs, index): Level => {
    const fromMs = times[index] ?? toMs;
    const running = bars.filter(({ attempt }) => attempt.startMs <= fromMs && attempt.endMs >= toMs);
    return { fromMs, toMs, cpus: running.reduce((sum, { cpus }) => sum + cpus, 0) };
  });
}

function cores(bars: readonly Bar[], { total, top, of }: { total: number; top: number; of: number }): Markup {
  const high = of * coreHeight;
  return html`<rect class="cores" x="0" y="${top}" width="100%" height="${high}"></rect>${levelsOf(bars).map(
    ({ fromMs, toMs, cpus }) => {
      const used = Math.min(cpus, of) * coreHeight;
      return html`<rect class="used" x="${((fromMs / total) * 100).toFixed(3)}%" y="${top + high - used}" width="${(((toMs - fromMs) / total) * 100).toFixed(3)}%" height="${used}"><title>${cpus} of ${of} CPUs</title></rect>`;
    },
  )}`;
}

function usedWords(
  bars: readonly Bar[],
  { total, of, rig }: { total: number; of: number; rig: number | undefined },
): string {
  const used = levelsOf(bars).reduce(
    (sum, { fromMs, toMs, cpus }) => sum + (toMs - fromMs) * Math.min(cpus, of),
    0,
  );
  const cpuSeconds = bars.reduce((sum, { attempt }) => sum + attempt.boardCpuSeconds, 0);
  return `Jobs were given ${Math.round((used / (total * of)) * 100)} % of the time of ${of} CPUs; the boards used ${cpuSeconds.toFixed(0)} CPU seconds${rig === undefined || cpuSeconds === 0 ? '' : `, the rig itself ${rig.toFixed(0)} (${((100 * rig) / cpuSeconds).toFixed(1)} % of that)`}.`;
}
