import { join, resolve } from 'node:path';
import { visible, visibleLine } from '../../../reports/visible.js';
import { blameWords, duration } from '../../../reports/words.js';
import { firstLine } from '../../contracts/errors.js';
import type { EpochReason } from '../../contracts/events.js';
import { exitCodes } from '../../contracts/verdict.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { type FrozenBoard, frozenTests } from '../../record/frozen.js';
import type { RunRecord, StepRecord } from '../../record/model.js';
import { readRun } from '../../record/reader.js';
import { idleMs, sessionHost } from '../board-command.js';
import type { CommandInput, CommandIo } from '../command.js';
import { interactiveConsole } from '../console-terminal.js';
import { findRun, isFile, shortest } from '../find-run.js';
import { openLab } from '../open-lab.js';
import { OptionReader } from '../read-options.js';
import { chooseMoment, type Moment } from '../resume/choose.js';
import { definitionOf } from '../resume/definition.js';
import { findImage } from '../resume/find-image.js';
import { type Awake, manifestOf, wake } from '../resume/wake.js';
import { idleWords, nextCommands } from '../session-words.js';

const read = new OptionReader('rig resume');

/** Where a run lies, and what came with it. */
interface Source {
  readonly dir: string;
  /** It came in a pack, which somebody else may have made. */
  readonly foreign: boolean;
  readonly imageFolders: readonly string[];
}

/** `rig resume RUN [TEST]`: the boards of a failed test, alive again where it failed, in sessions of their own. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const [name = '', wanted] = input.args as [string | undefined, string | undefined];
  const { options } = input;
  const source = await findSource(name, io);
  const run = await readRun(source.dir);
  const moment = chooseMoment(frozenTests(run), {
    wanted,
    step: read.wholeNumber(options.step, { name: '--step', least: 1 }),
  });
  await using ends = new DisposalStack();
  const awake: { board: FrozenBoard; life: Awake }[] = [];
  try {
    for (const board of moment.boards) {
      const life = await bringBack(board, { run, source, moment, input, io });
      awake.push({ board, life });
      ends.use(life.session);
    }
  } catch (error) {
    // All or none: half a test helps nobody, and would be left behind.
    for (const { life } of awake) await life.session.stop({ force: true }).catch(() => life.session.ended);
    throw error;
  }
  if (options.json === true) {
    io.out(`${JSON.stringify(await facts(run, { moment, awake }), null, 2)}\n`);
    return exitCodes.passed;
  }
  io.out(momentWords(run, moment, io.cwd));
  for (const { board, life } of awake) {
    const { holder, idleMs: idle } = await life.session.info();
    const session = life.session.board.name;
    io.out(`${session} lives again${lifeWords(board)} (pid ${holder.pid}${idleWords(idle)})\n`);
    io.out(`  ${visibleLine(life.note)}.\n`);
    io.out(nextCommands(session));
  }
  const [first] = awake;
  const line = first?.life.session.console;
  if (first && line && io.terminal && options.detach !== true) {
    const note = 'press Enter for its prompt; what it said before is in the report';
    await interactiveConsole(first.life.session, { line, note, signal: io.signal });
  }
  return exitCodes.passed;
}

async function findSource(name: string, io: CommandIo): Promise<Source> {
  const path = resolve(io.cwd, name);
  if (!(await isFile(path))) return { dir: await findRun(name, io.cwd), foreign: false, imageFolders: [] };
  const { unpack } = await import('../pack/unpack.js');
  const unpacked = await unpack(path, {
    env: io.env,
    signal: io.signal,
    progress: (text) => io.err(`${text}\n`),
  });
  return { dir: unpacked.runDir, foreign: true, imageFolders: [unpacked.imagesDir] };
}

async function bringBack(
  frozen: FrozenBoard,
  {
    run,
    source,
    moment,
    input,
    io,
  }: { run: RunRecord; source: Source; moment: Moment; input: CommandInput; io: CommandIo },
): Promise<Awake> {
  const { dir: runDir, foreign, imageFolders } = source;
  const lab = await openLab(input, io);
  const dir = join(runDir, frozen.dir);
  const manifest = await manifestOf(dir);
  const definition = await definitionOf(frozen.board, { runDir, lab, foreign });
  const given = input.options.image as string | undefined;
  const image =
    manifest.medium &&
    (await findImage(manifest.medium.image, {
      given,
      folders: imageFolders,
      cwd: io.cwd,
      env: io.env,
      signal: io.signal,
    }));
  return wake(
    { ...definition, name: `${frozen.board}~${shortRun(run)}` },
    {
      dir,
      image,
      // At its beginning a step had a board that worked, as far as anybody knew.
      mayTell: moment.step !== undefined || frozen.answered,
      purpose: 'rig resume',
      entry: sessionHost,
      idleMs: idleMs(input),
      secrets: lab.secrets,
      signal: io.signal,
    },
  );
}

/** The end of the run's name, which is what tells runs apart. */
function shortRun({ run }: RunRecord): string {
  return run.replaceAll(/[^A-Za-z0-9._-]/g, '').slice(-6) || 'run';
}

function momentWords(run: RunRecord, moment: Moment, cwd: string): string {
  const { test, attempt, step, others } = moment;
  const begun = step === undefined ? undefined : findStep(attempt.steps, (one) => one.step === step);
  const at = step === undefined ? lastFailed(attempt.steps) : begun;
  const number = test.attempts.length > 1 ? `, attempt ${attempt.attempt}` : '';
  const where = at
    ? `step ${at.step} "${visibleLine(at.name)}"`
    : step === undefined
      ? 'no step'
      : `step ${step}`;
  const lines = [
    `${visibleLine(test.id)} ${attempt.verdict}${number}, in ${visibleLine(shortest(run.dir, cwd))}`,
    step === undefined ? `  it failed in ${where}` : `  this is where ${where} begins`,
  ];
  const { error } = attempt;
  if (error) {
    lines.push(`  ${blameWords[error.blame]}: ${firstLine(visible(error.message))}`);
    if (error.hint !== '') lines.push(`  try: ${visibleLine(error.hint)}`);
  }
  if (others.length > 0)
    lines.push(`  Boards were kept of these too: ${others.map((id) => visibleLine(id)).join(', ')}`);
  return `${lines.join('\n')}\n`;
}

const epochWords: Readonly<Record<EpochReason, string>> = {
  'power-on': 'its power-on',
  reset: 'a reset',
  restore: 'the run had restored it',
};

function lifeWords({ life }: FrozenBoard): string {
  return life ? `, ${duration(life.ms)} after ${epochWords[life.since]}` : '';
}

/** The innermost step that the failure ended. */
function lastFailed(steps: readonly StepRecord[]): StepRecord | undefined {
  const failed = steps.findLast(({ ok }) => !ok);
  return failed && (lastFailed(failed.children) ?? failed);
}

function findStep(
  steps: readonly StepRecord[],
  wanted: (step: StepRecord) => boolean,
): StepRecord | undefined {
  for (const step of steps) {
    const found = wanted(step) ? step : findStep(step.children, wanted);
    if (found) return found;
  }
  return undefined;
}

async function facts(
  run: RunRecord,
  { moment, awake }: { moment: Moment; awake: readonly { board: FrozenBoard; life: Awake }[] },
): Promise<object> {
  const { test, attempt, step } = moment;
  const boards = awake.map(async ({ board, life }) => ({
    name: life.session.board.name,
    board: board.board,
    pid: (await life.session.info()).holder.pid,
    note: life.note,
    ...(board.life ? { since: board.life.since, ms: board.life.ms } : {}),
  }));
  const failed = lastFailed(attempt.steps);
  return {
    run: run.run,
    test: test.id,
    attempt: attempt.attempt,
    ...(step === undefined ? { failedStep: failed?.step ?? null } : { step }),
    error: attempt.error ?? null,
    boards: await Promise.all(boards),
  };
}
