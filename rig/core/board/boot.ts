import { RigError } from '../../contracts/errors.js';
import type { Board, BootRecord } from '../../contracts/suite.js';
import { pollUntil } from '../../lifetime/poll.js';
import { patternOf } from '../../pattern/signature.js';
import { need } from './absent.js';
import type { Circuit } from './circuit.js';
import type { Shells } from './shells.js';

/** What booting works on. Times given to these functions are scaled already. */
export interface Bootable {
  readonly circuit: Circuit;
  readonly shells: Shells;
  readonly power: Board['power'];
}

/** A command that ends the system may take its answer with it. */
const lastCommandMs = 5_000;

/** Powers on if need be and waits for a Shell. @throws RigError `board.no-shell` with the last stage that was seen */
export async function boot(board: Bootable, timeoutMs: number): Promise<BootRecord> {
  if ((await board.power.state()) !== 'on') await board.power.on();
  await untilShell(board, timeoutMs);
  return board.circuit.life.boot;
}

/** Powers on and waits for the bootloader's signature; the boot goes on by itself. @throws RigError `board.no-bootloader-signature` */
export async function bootToBootloader(board: Bootable, timeoutMs: number | undefined): Promise<void> {
  const { circuit, power } = board;
  const { engine } = need(circuit.console, 'console', circuit.name);
  const { name, signatures } = circuit.session.board.type;
  if (!signatures.bootloader) throw noBootloaderSignature(name);
  await power.on();
  await engine.expect(patternOf(signatures.bootloader), {
    since: engine.epochMark(),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

/**
 * Reboots by the running system, once: the command is never sent again, because a second one would hit the system that
 * the first one booted. A new boot id is the proof.
 */
export async function reboot(board: Bootable, timeoutMs: number): Promise<BootRecord> {
  const { circuit } = board;
  const before = await bootId(board);
  await circuit.trouble.expecting(() => {
    const send = (): Promise<void> => sendLastCommand(board, 'reboot');
    // Without a console the new boot id alone must show it.
    return circuit.console
      ? circuit.console.engine.expectReset(send, { timeoutMs: timeoutMs / circuit.scale })
      : send();
  });
  circuit.onCut();
  await untilShell(board, timeoutMs);
  const after = await bootId(board);
  if (after === before) {
    throw new RigError(`${circuit.name} did not reboot: its boot id is still ${before}`, {
      code: 'board.did-not-reboot',
      blame: 'board',
      hint: 'The command was sent once and the same system still answers: see its log for what held it up.',
    });
  }
  return circuit.life.boot;
}

/** Asks the running system to power off and waits until it has. @throws RigError `lifetime.timeout`, blame board */
export async function shutdown(board: Bootable, timeoutMs: number): Promise<void> {
  const { circuit } = board;
  const power = need(circuit.session.capabilities.power, 'power', circuit.name);
  await circuit.trouble.expecting(async () => {
    await sendLastCommand(board, 'poweroff');
    await pollUntil(async () => (await power.state()) === 'off', {
      what: `${circuit.name} to power off`,
      timeoutMs,
      everyMs: 100,
      blame: 'board',
      signal: circuit.signal,
    });
  });
  circuit.onCut();
}

/** `/proc/sys/kernel/random/boot_id` (Linux, Documentation/admin-guide/sysctl/kernel.rst). */
export function bootId(board: Bootable): Promise<string> {
  return board.shells.preferred.text('cat /proc/sys/kernel/random/boot_id');
}

/** The answer may never come: the connection dies with the system. What matters is seen afterwards. */
export async function sendLastCommand(board: Bootable, command: string): Promise<void> {
  try {
    await board.shells.preferred.run(command, { timeoutMs: lastCommandMs });
  } catch (error) {
    const expected = error instanceof RigError && lastCommandEnds.has(error.code);
    if (!expected) throw error;
  }
}

/** @throws RigError `board.no-shell` with the last stage that was seen */
export async function untilShell({ circuit, shells }: Bootable, timeoutMs: number): Promise<void> {
  try {
    await shells.ready(timeoutMs);
  } catch (error) {
    if (!(error instanceof RigError) || !timeouts.has(error.code)) throw error;
    const { stages } = circuit.life.boot;
    const last = stages.at(-1);
    const reached = last ? `the last stage seen was ${last.stage} after ${last.ms} ms` : 'no stage was seen';
    throw new RigError(
      `${circuit.name} had no shell within ${Math.round(timeoutMs)} ms; ${reached}. ${error.message}`,
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
  circuit.life.note('shell');
}

function noBootloaderSignature(type: string): RigError {
  return new RigError(`Cannot tell when a board of type ${type} is in its bootloader`, {
    code: 'board.no-bootloader-signature',
    blame: 'config',
    hint: 'Give the board type signatures.bootloader: what its console shows when the bootloader begins.',
  });
}

/** Errors that only say that time ran out; anything else already names its cause. */
const timeouts: ReadonlySet<string> = new Set([
  'console.timeout',
  'shell.timeout',
  'shell.no-answer',
  'ssh.no-answer',
  'ssh.timeout',
]);

const lastCommandEnds: ReadonlySet<string> = new Set([
  'ssh.lost',
  'ssh.timeout',
  'shell.timeout',
  'console.unexpected-reset',
  'console.epoch-over',
  'board.powered-off',
]);
