import type { Stage } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { BootRecord } from '../../contracts/suite.js';

/** What booting needs of a board; times are scaled already. */
export interface Bootable {
  readonly name: string;
  isOn(): Promise<boolean>;
  powerOn(): Promise<void>;
  /** Resolves when the Shell that the image promises answers. */
  shellReady(timeoutMs: number): Promise<void>;
  lastBoot(): BootRecord;
  noteStage(stage: Stage): void;
  bootId(): Promise<string>;
  /** Sends the command that makes the running system reboot or power off; it may take the connection with it. */
  sendLastCommand(command: string): Promise<void>;
  /** Resolves when a reset was seen within `timeoutMs` after `body` began. */
  expectReset(body: () => Promise<void>, timeoutMs: number): Promise<void>;
}

/** Powers on if need be and waits for a Shell. @throws RigError `board.no-shell` with the last stage that was seen */
export async function boot(board: Bootable, timeoutMs: number): Promise<BootRecord> {
  if (!(await board.isOn())) await board.powerOn();
  await untilShell(board, timeoutMs);
  return board.lastBoot();
}

/**
 * Reboots by the running system, once: the command is never sent again, because a second one would hit the system that
 * the first one booted. A new boot id is the proof.
 */
export async function reboot(board: Bootable, timeoutMs: number): Promise<BootRecord> {
  const before = await board.bootId();
  await board.expectReset(() => board.sendLastCommand('reboot'), timeoutMs);
  await untilShell(board, timeoutMs);
  const after = await board.bootId();
  if (after === before) {
    throw new RigError(`${board.name} did not reboot: its boot id is still ${before}`, {
      code: 'board.did-not-reboot',
      blame: 'board',
      hint: 'The command was sent once and the same system still answers: see its log for what held it up.',
    });
  }
  return board.lastBoot();
}

async function untilShell(board: Bootable, timeoutMs: number): Promise<void> {
  try {
    await board.shellReady(timeoutMs);
  } catch (error) {
    if (!(error instanceof RigError) || !timeouts.has(error.code)) throw error;
    const { stages } = board.lastBoot();
    const last = stages.at(-1);
    const reached = last ? `the last stage seen was ${last.stage} after ${last.ms} ms` : 'no stage was seen';
    throw new RigError(
      `${board.name} had no shell within ${Math.round(timeoutMs)} ms; ${reached}. ${error.message}`,
      {
        code: 'board.no-shell',
        blame: error.blame,
        hint: last
          ? `Something after the stage "${last.stage}" did not come: read the console from there.`
          : 'Nothing recognisable came on the console: is it the right line, and do the signatures of the board type fit?',
        cause: error,
        evidence: { ...error.evidence, stages: stages.map(({ stage, ms }) => ({ stage, ms })) },
      },
    );
  }
  board.noteStage('shell');
}

/** Errors that only say that time ran out; anything else already names its cause. */
const timeouts: ReadonlySet<string> = new Set([
  'console.timeout',
  'shell.timeout',
  'shell.no-answer',
  'ssh.no-answer',
  'ssh.timeout',
]);
