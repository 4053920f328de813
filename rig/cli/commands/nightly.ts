import { join, resolve } from 'node:path';
import { digestOfNight } from '../../../reports/github/digest.js';
import { writeNightReports } from '../../../reports/night/write.js';
import { visibleLine } from '../../../reports/visible.js';
import { countWords, duration, marks } from '../../../reports/words.js';
import { findBoards } from '../../config/find-boards.js';
import { firstLine, RigError } from '../../contracts/errors.js';
import type { NightPlan, NightReport } from '../../contracts/night.js';
import { countVerdicts, exitCodes } from '../../contracts/verdict.js';
import { worstOf } from '../../core/history/nights.js';
import { lockAddress, tryLock } from '../../lifetime/named-lock.js';
import { pollUntil } from '../../lifetime/poll.js';
import { readProcessStat } from '../../lifetime/process-stat.js';
import { entries } from '../../record/disk-bytes.js';
import {
  livingAttempts,
  nightNamePattern,
  ownNight,
  readPlan,
  writeNight,
  writePlan,
} from '../../record/night-folder.js';
import { pruneNights } from '../../record/retention.js';
import type { CommandInput, CommandIo } from '../command.js';
import { CiSummary } from '../github.js';
import { historyFile } from '../history-file.js';
import { mergeNights, type NightThatRan } from '../night/merge-nights.js';
import { nightFolder, planNight } from '../night/plan-night.js';
import { reportNight } from '../night/report-night.js';
import { runNight } from '../night/run-night.js';
import { openLab } from '../open-lab.js';
import { OptionReader } from '../read-options.js';
import { table } from '../table.js';

const read = new OptionReader('rig nightly');
/** Runs of a night that was killed are killed with it; the kernel needs a moment. */
const lastRunsMs = 10_000;

interface Night {
  readonly plan: NightPlan;
  readonly dir: string;
  readonly deadlineMs: number | undefined;
}

/** `rig nightly`: plans a night, or takes up an interrupted one; runs what is left of it, and writes its reports. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const { options } = input;
  const night = options.resume === undefined ? await newNight(input, io) : await oldNight(input, io);
  const { plan, dir } = night;
  if (options.list === true) {
    io.out(options.json === true ? `${JSON.stringify(plan, null, 2)}\n` : jobTable(plan));
    return exitCodes.passed;
  }
  using ci = new CiSummary(io);
  await using _lock = await onlyOne(dir);
  if (options.resume === undefined) await writePlan(dir, plan);
  await ownNight(dir);
  await pollUntil(async () => (await livingAttempts(dir)).length === 0, {
    what: 'the runs of the interrupted night to end',
    timeoutMs: lastRunsMs,
    signal: io.signal,
  });
  const say = sayer(input, io);
  const ran = await runNight({
    ...night,
    io,
    say,
    told: (job, { run, attempt }) => {
      const counts = countVerdicts(run?.tests.map(({ verdict }) => verdict) ?? []);
      const again = attempt === 1 ? '' : `, attempt ${attempt} on ${run?.boards[0]?.name ?? '?'}`;
      say(
        `${marks[worstOf(counts)]} ${job.id}: ${countWords(counts)} in ${duration(run?.durationMs ?? 0)}${again}`,
      );
    },
  });
  const used = readProcessStat(process.pid);
  // Of a night that was resumed the processes before this one are not known any more.
  const cpuSeconds =
    options.resume === undefined && used ? used.cpuSeconds + used.childrenCpuSeconds : undefined;
  return tellNight({ plan, dir, ran, cpuSeconds }, { input, io, ci });
}

/** `rig nightly merge DIR...`: makes one night of its shards, and writes its reports. */
export async function merge(input: CommandInput, io: CommandIo): Promise<number> {
  const dirs = (input.args[0] as readonly string[]).map((dir) => resolve(io.cwd, dir));
  const report = input.options.report as string | undefined;
  using ci = new CiSummary(io);
  const night = await mergeNights(dirs, {
    place: (night) => (report === undefined ? join(io.cwd, 'runs', night) : resolve(io.cwd, report)),
    argv: process.argv.slice(2),
  });
  return tellNight(night, { input, io, ci });
}

/** Lines beside what the command answers. */
function sayer({ options }: CommandInput, io: CommandIo): (line: string) => void {
  return (line) => (options.json === true ? io.err : io.out)(`${visibleLine(line)}\n`);
}

/** Writes the reports of a night that is over, says what it came to, and makes room. @returns the exit code */
async function tellNight(
  { plan, dir, ran, cpuSeconds }: NightThatRan & { readonly cpuSeconds?: number | undefined },
  { input, io, ci }: { input: CommandInput; io: CommandIo; ci: CiSummary },
): Promise<number> {
  const { options } = input;
  const report = await reportNight({
    plan,
    dir,
    history: historyFile(io),
    signal: io.signal.aborted ? String(io.signal.reason) : undefined,
    say: sayer(input, io),
    cpuSeconds,
    offline: ran.offline,
    whyNot: ran.whyNot,
  });
  await writeNight(dir, report);
  const junit = options.junit as string | undefined;
  const written = await writeNightReports(
    dir,
    report,
    junit === undefined ? {} : { junit: resolve(io.cwd, junit) },
  );
  if (options.json === true) io.out(`${JSON.stringify({ dir, ...report }, null, 2)}\n`);
  else io.out(summary(report, { written, cwd: io.cwd }));
  const summaryFile = options.summary as string | undefined;
  await ci.tell(digestOfNight(report), summaryFile === undefined ? undefined : resolve(io.cwd, summaryFile));
  if (options.report === undefined) await pruneNights(join(io.cwd, 'runs'));
  return report.exitCode;
}

async function newNight(input: CommandInput, io: CommandIo): Promise<Night> {
  const { options } = input;
  const lab = await openLab(input, io);
  const selectors = options.board as string[] | undefined;
  const deadline = options.deadline as string | undefined;
  const plan = await planNight({
    lab,
    matrixFile: options.matrix as string | undefined,
    filter: {
      boards: selectors && findBoards(lab, selectors).map(({ name }) => name),
      images: options.image as string[] | undefined,
      suites: options.suite as string[] | undefined,
    },
    shard: readShard(options.shard as string | undefined),
    deadlineMs: deadline === undefined ? undefined : read.time(deadline, { name: '--deadline' }),
    seed: read.wholeNumber(options.seed, { name: '--seed', least: 0 }) ?? Math.floor(Math.random() * 2 ** 31),
    cwd: io.cwd,
    history: historyFile(io),
  });
  const report = options.report as string | undefined;
  const dir = report === undefined ? join(io.cwd, 'runs', plan.night) : resolve(io.cwd, report);
  return { plan, dir, deadlineMs: plan.deadlineMs };
}

/** Its deadline is the one of its beginning, unless a new one is given. */
async function oldNight({ options }: CommandInput, io: CommandIo): Promise<Night> {
  for (const name of ['matrix', 'board', 'image', 'suite', 'shard', 'report', 'seed'])
    if (options[name] !== undefined)
      throw read.bad(`--${name} cannot go with --resume: the night has its plan`);
  const nights = (await entries(join(io.cwd, 'runs')))
    .filter((entry) => entry.isDirectory() && nightNamePattern.test(entry.name))
    .map(({ name }) => name)
    .sort();
  const name = options.resume === true ? 'latest' : String(options.resume);
  const dir = nightFolder(name, { cwd: io.cwd, nights });
  const plan = await readPlan(dir);
  const deadline = options.deadline as string | undefined;
  if (deadline !== undefined) return { plan, dir, deadlineMs: read.time(deadline, { name: '--deadline' }) };
  const passedMs = Date.now() - Date.parse(plan.startedAt);
  return { plan, dir, deadlineMs: plan.deadlineMs === undefined ? undefined : plan.deadlineMs - passedMs };
}

/** `2/3` */
function readShard(text: string | undefined): NightPlan['shard'] {
  if (text === undefined) return undefined;
  const [, index, of] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  const shard = { index: Number(index), of: Number(of) };
  if (shard.index >= 1 && shard.index <= shard.of) return shard;
  throw read.bad(`--shard takes a part such as 2/3, not "${text}"`);
}

/** @throws RigError `night.running` */
async function onlyOne(dir: string): Promise<AsyncDisposable> {
  const lock = await tryLock(lockAddress(dir, 'night'), `pid ${process.pid}`);
  if (lock) return lock;
  throw new RigError(`Another process runs the night in ${dir}`, {
    code: 'night.running',
    blame: 'config',
    hint: 'Wait for it; it can be resumed once it has ended.',
  });
}

function jobTable({ jobs }: NightPlan): string {
  const rows = jobs.map((job) => [
    job.id,
    job.board,
    job.image,
    [...new Set(job.tests.map(({ suite }) => suite))].join(','),
    job.tier,
    String(job.priority),
    String(job.tests.length),
    job.usualMs === undefined ? '-' : duration(job.usualMs),
    `${job.cost.cpus} CPU, ${job.cost.memoryMiB} MiB${job.cost.heavy ? ', heavy' : ''}`,
  ]);
  return table([
    ['JOB', 'BOARD', 'IMAGE', 'SUITES', 'TIER', 'PRIORITY', 'TESTS', 'TAKES', 'NEEDS'],
    ...rows.map((row) => row.map(visibleLine)),
  ]);
}

function summary(
  report: NightReport,
  { written, cwd }: { written: Readonly<Record<string, string>>; cwd: string },
): string {
  const { counts, excused, failures, quarantine, plan, durationMs } = report;
  const shown = failures.slice(0, 20).map(({ board, image, suite, name, verdict, isNew, error, reason }) => {
    const why = error ? `${error.blame}: ${firstLine(error.message)}` : (reason ?? '');
    return `${isNew ? 'new  ' : '     '}${marks[verdict]} ${board}/${suite}/${name} (${image}): ${why}`;
  });
  const flaky =
    counts.flaky > (plan.flakyLimit ?? Infinity) ? `, more than the limit of ${plan.flakyLimit}` : '';
  const release = quarantine.filter(({ release }) => release);
  return [
    '',
    ...shown,
    ...release.map(
      ({ test, passedNights }) => `${test} passed ${passedNights} nights on end: release it from quarantine`,
    ),
    ...report.notes,
    `${countWords(counts)}${flaky}${excused > 0 ? ` (${excused} in quarantine)` : ''} in ${duration(durationMs)}`,
  ]
    .map((line) => `${visibleLine(line)}\n`)
    .join('')
    .concat(...Object.values(written).map((path) => `  ${path.replace(`${cwd}/`, '')}\n`));
}
