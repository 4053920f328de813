import { consoleTailOf } from '../../../reports/console-text.js';
import { messageOf } from '../../contracts/errors.js';
import type { NightJob, NightPlan, NightReport, NightResult, SlowerStage } from '../../contracts/night.js';
import type { HistoryFile, Reader } from '../../core/history/database.js';
import { type TestNights, testNights } from '../../core/history/nights.js';
import { recordRun } from '../../core/history/record.js';
import { runNamed } from '../../core/history/runs.js';
import { alpha, slowerStages } from '../../core/history/stages.js';
import { nightReport } from '../../core/night/report.js';
import { boardsOf, type RunRecord } from '../../record/model.js';
import { type AttemptFolder, readAttempts } from '../../record/night-folder.js';
import type { NightRan } from './run-night.js';

const nightsShown = 14;
const consoleBytes = 2_048;
const consoleLines = 14;

export interface Finished extends NightRan {
  readonly plan: NightPlan;
  readonly dir: string;
  readonly history: HistoryFile;
  readonly signal: string | undefined;
  readonly cpuSeconds: number | undefined;
  readonly say: (line: string) => void;
}

/** What the night came to, from its folder and the history alone. */
export async function reportNight(night: Finished): Promise<NightReport> {
  const { plan, dir, history } = night;
  const attempts = new Map<string, readonly AttemptFolder[]>();
  for (const job of plan.jobs) attempts.set(job.id, await readAttempts(dir, job.id));
  const runs = [...attempts.values()].flat().flatMap(({ run }) => (run ? [run] : []));
  // The folders alone decide the night: without a history every failure is new.
  const known = await enterMissing(history, runs)
    .then(() => history.read((reader) => earlier(reader, { plan, runs })))
    .catch((error: unknown) => {
      night.say(`The history cannot be used: ${messageOf(error)}`);
      return undefined;
    });
  const byDir = new Map([...attempts.values()].flat().map((one) => [one.dir, one.run]));
  return nightReport({
    ...night,
    attempts: ({ id }) => attempts.get(id) ?? [],
    known: ({ id }) => known?.tests.get(id) ?? [],
    console: (result) => consoleEnd(byDir.get(result.dir ?? ''), result),
    slowerStages: known?.slowerStages ?? [],
  });
}

/** A run that was killed could not enter itself. */
async function enterMissing(history: HistoryFile, runs: readonly RunRecord[]): Promise<void> {
  const missing = await history.read((reader) =>
    runs.filter(({ run }) => runNamed(reader, run) === undefined),
  );
  const left = missing ?? runs;
  if (left.length === 0) return;
  await history.change((writer) => {
    for (const run of left) recordRun(writer, run);
  });
}

interface Earlier {
  readonly tests: ReadonlyMap<string, readonly TestNights[]>;
  readonly slowerStages: readonly SlowerStage[];
}

function earlier(reader: Reader, { plan, runs }: { plan: NightPlan; runs: readonly RunRecord[] }): Earlier {
  const untilMs = Date.parse(plan.startedAt);
  const of = (job: NightJob): readonly TestNights[] =>
    testNights(reader, job, { untilMs, nights: nightsShown });
  return {
    tests: new Map(plan.jobs.map((job) => [job.id, of(job)])),
    // One night asks of many runs: what is told has to hold for all of them together.
    slowerStages: runs
      .flatMap(({ run }) => slowerStages(reader, { run }))
      .map((stage) => ({ ...stage, p: stage.p * runs.length }))
      .filter(({ p }) => p < alpha)
      .sort((a, b) => a.p - b.p),
  };
}

/** The last lines of the boards of a test, as they came. */
function consoleEnd(run: RunRecord | undefined, { id }: NightResult): string | undefined {
  const test = run?.tests.find((one) => one.id === id);
  const attempt = test?.attempts.findLast(({ verdict }) => verdict === test.verdict) ?? test?.attempts.at(-1);
  if (!run || !test || !attempt) return undefined;
  const texts = boardsOf(run, test).map((board) => {
    const { text } = consoleTailOf(run, { board, attempt, maxBytes: consoleBytes });
    return text.replaceAll('\r', '').trimEnd().split('\n').slice(-consoleLines).join('\n');
  });
  const said = texts.filter((text) => text !== '').join('\n');
  return said === '' ? undefined : said;
}
