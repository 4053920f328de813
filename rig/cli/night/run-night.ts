import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { firstLine, messageOf } from '../../contracts/errors.js';
import type { NightJob, NightPlan } from '../../contracts/night.js';
import { leftOf } from '../../core/night/outcome.js';
import { schedule, type Task } from '../../core/night/schedule.js';
import { sessionRoots } from '../../core/session/directory.js';
import { readOffline } from '../../core/session/offline.js';
import type { ChildEnd } from '../../lifetime/child-process.js';
import { type AttemptFolder, attemptDir, readAttempts } from '../../record/night-folder.js';
import type { CommandIo } from '../command.js';
import { graceMs, runRig } from '../rig-child.js';
import { jobCommand } from './job-command.js';

/** Of a job whose row gives none: a suite that hangs must not take the night with it. */
const defaultJobMs = 2 * 3_600_000;

export interface NightRun {
  readonly plan: NightPlan;
  /** The folder of the night. */
  readonly dir: string;
  readonly io: CommandIo;
  readonly deadlineMs: number | undefined;
  readonly say: (line: string) => void;
  readonly told: (job: NightJob, attempt: AttemptFolder) => void;
}

/** What kept jobs, or boards, from running. */
export interface NightRan {
  readonly offline: ReadonlyMap<string, string>;
  readonly whyNot: (job: NightJob) => string;
}

/** Runs what is left of a night, each job in a process of its own: `rig run`, which a person could call just so. */
export async function runNight(night: NightRun): Promise<NightRan> {
  const running = new RunningNight(night);
  await running.run();
  return running;
}

type JobTask = Task<{ readonly usualMs: number }>;
/** Where and when a job may run. */
type Placing = Pick<JobTask, 'boards' | 'lastResort' | 'usualMs'>;

class RunningNight implements NightRan {
  readonly offline = new Map<string, string>();
  readonly #night: NightRun;
  readonly #healthy = new Set<string>();
  readonly #tries = new Map<string, number>();
  readonly #trouble = new Map<string, string>();
  /** Boards that somebody had all the time that a job would have had: not unwell, but of no use to this night. */
  readonly #taken = new Map<string, string>();
  readonly #endsAt: number;

  constructor(night: NightRun) {
    this.#night = night;
    const { deadlineMs } = night;
    this.#endsAt = deadlineMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + deadlineMs;
  }

  async run(): Promise<void> {
    const { dir, plan, io } = this.#night;
    const tasks: JobTask[] = [];
    for (const job of plan.jobs) {
      const left = leftOf(job, await readAttempts(dir, job.id), { retries: plan.retries, late: true });
      if (left.length > 0) tasks.push(this.#task(job, { boards: [job.board], usualMs: job.usualMs ?? 0 }));
    }
    await schedule(tasks, {
      host: plan.host,
      isUsable: (board) => !this.offline.has(board) && !this.#taken.has(board),
      // What usually takes longer than what is left of the night gives way to what does not.
      mayBegin: ({ usualMs }) => !io.signal.aborted && this.#endsAt - performance.now() > usualMs,
    });
  }

  readonly whyNot = (job: NightJob): string => {
    const { io } = this.#night;
    if (io.signal.aborted) return `the night was ended by ${String(io.signal.reason)}`;
    const offline = this.offline.get(job.board);
    if (offline !== undefined) return `${job.board} is offline: ${offline}`;
    return this.#trouble.get(job.id) ?? this.#taken.get(job.board) ?? 'the time of the night was over';
  };

  #task(job: NightJob, how: Placing): JobTask {
    return {
      cost: job.cost,
      ...how,
      begin: (board) =>
        this.#attempt(job, { board, how }).catch((error: unknown) => {
          this.#trouble.set(job.id, firstLine(messageOf(error)));
          this.#night.say(`${job.id}: ${messageOf(error)}`);
          return [];
        }),
    };
  }

  async #attempt(
    job: NightJob,
    { board, how }: { board: string; how: Placing },
  ): Promise<readonly JobTask[]> {
    const { dir, io, plan } = this.#night;
    // A retry may have another board to go to.
    if (!job.virtual && !(await this.#isHealthy(board, { limitMs: this.#timeFor(job) })))
      return io.signal.aborted ? [] : [this.#task(job, how)];
    const before = await readAttempts(dir, job.id);
    const attempt = (before.at(-1)?.attempt ?? 0) + 1;
    const tries = (this.#tries.get(job.id) ?? 0) + 1;
    this.#tries.set(job.id, tries);
    const left = leftOf(job, before, { retries: plan.retries, late: tries === 1 });
    const deadlineMs = this.#timeFor(job);
    const runDir = join(dir, attemptDir(job.id, attempt));
    await mkdir(dirname(runDir), { recursive: true });
    const words = jobCommand({ plan, job, board, dir: runDir, left, deadlineMs });
    const { end, said } = await this.#rig(words, { limitMs: deadlineMs + graceMs });
    await writeFile(`${runDir}.txt`, said);
    const after = await readAttempts(dir, job.id);
    const own = after.find((one) => one.attempt === attempt);
    if (own?.run) this.#night.told(job, own);
    if (!own?.run || own.run.truncated)
      this.#trouble.set(job.id, `rig run ended with ${wordsOf(end)}: ${lastLine(said)}`);
    const still = leftOf(job, after, { retries: plan.retries, late: false });
    if (still.length === 0 || tries > plan.retries || io.signal.aborted) return [];
    // The rig was at fault: perhaps it is this board's, so that it has to show that it is well before it goes on.
    this.#healthy.delete(board);
    return [
      this.#task(job, {
        boards: job.others.filter((other) => other !== board),
        lastResort: board,
        usualMs: 0,
      }),
    ];
  }

  #timeFor({ deadlineMs = defaultJobMs }: NightJob): number {
    return Math.min(deadlineMs, this.#endsAt - performance.now());
  }

  /** Waits for a board that somebody has, as long as its job would. */
  async #isHealthy(board: string, { limitMs }: { limitMs: number }): Promise<boolean> {
    if (this.#healthy.has(board)) return true;
    const { io, plan } = this.#night;
    const lab = plan.labFile === undefined ? [] : ['--lab', plan.labFile];
    const { end, said } = await this.#rig(['check', board, '--wait', ...lab], { limitMs });
    if (io.signal.aborted) return false;
    if (end.signal === 'SIGKILL') {
      const why = `the check of ${board} did not come to an end: ${lastLine(said)}`;
      this.#taken.set(board, why);
      this.#night.say(why);
      return false;
    }
    if (end.code === 0) {
      this.#healthy.add(board);
      return true;
    }
    const reason = readOffline(board, sessionRoots(io.env))?.reason ?? lastLine(said);
    this.offline.set(board, reason);
    this.#night.say(`${board} is offline: ${reason}`);
    return false;
  }

  async #rig(
    words: readonly string[],
    { limitMs }: { limitMs: number },
  ): Promise<{ end: ChildEnd; said: string }> {
    const { io, plan } = this.#night;
    const { end, stdout, stderr } = await runRig(words, { io, limitMs, env: { BOARDRIG_NIGHT: plan.night } });
    return { end, said: `${stdout.text()}${stderr.text()}` };
  }
}

function wordsOf({ code, signal }: ChildEnd): string {
  return signal ?? `exit code ${code}`;
}

function lastLine(said: string): string {
  return (
    said
      .trimEnd()
      .split('\n')
      .findLast((line) => line.trim() !== '') ?? 'it said nothing'
  );
}
