import type { Signature } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { Board, ConsoleMark } from '../../contracts/suite.js';
import { pollUntil } from '../../lifetime/poll.js';
import { watchLine } from '../board/board-gpio.js';
import type { ProvisionParts } from './carry-out.js';

const defaultBudgetMs = 600_000;
const lineEndMs = 2_000;

/**
 * Waits until the flasher that the board was just powered on with powers it off. Its LED is watched meanwhile, so that the
 * record shows what a person beside the board saw.
 *
 * @throws RigError `provision.flasher-failed` as soon as the console says so; `provision.flasher-not-done` (blame: board)
 */
export async function flasherEnd({ circuit, power }: ProvisionParts): Promise<void> {
  const { type } = circuit.session.board;
  const { led, failed, budgetMs = defaultBudgetMs } = type.flasher ?? {};
  const { gpio } = circuit.session.capabilities;
  await using watch = led !== undefined && gpio ? await watchLine(circuit, led) : undefined;
  const console = circuit.console?.engine;
  const since = console?.mark();
  const over = new AbortController();
  const signal = AbortSignal.any([circuit.signal, over.signal]);
  const timeoutMs = budgetMs * circuit.scale;
  const poweredOff = pollUntil(async () => (await power.state()) === 'off', {
    what: `${circuit.name} to power itself off when its flasher is done`,
    timeoutMs,
    everyMs: 200,
    blame: 'board',
    signal,
  });
  const gaveUp =
    console && failed && since
      ? console.expect(patternOf(failed), { timeoutMs: budgetMs, since, signal }).then(
          async ({ text }) => {
            throw flasherFailed(circuit.name, await wholeLine(console, { begins: text, since }));
          },
          // Power-off, an abort and the time-out end the other wait too, and that one tells.
          () => poweredOff,
        )
      : poweredOff;
  try {
    await circuit.trouble.expecting(() => Promise.race([poweredOff, gaveUp]));
  } catch (error) {
    throw error instanceof RigError && error.code === 'lifetime.timeout'
      ? notDone(circuit.name, { budgetMs, ledChanges: watch?.edges.length, cause: error })
      : error;
  } finally {
    over.abort(
      new RigError('The flasher is no longer awaited', { code: 'test.over', blame: 'rig', hint: '' }),
    );
    await Promise.allSettled([poweredOff, gaveUp]);
  }
  circuit.onCut();
}

/** The pattern may have matched before the board had said all of the line; a board that says no more has said this. */
async function wholeLine(
  console: Board['console'],
  { begins, since }: { begins: string; since: ConsoleMark },
): Promise<string> {
  const said = (): string => {
    const text = console.text(since);
    return text.slice(Math.max(0, text.indexOf(begins)));
  };
  try {
    await pollUntil(() => said().includes('\n'), {
      what: 'the end of the line',
      timeoutMs: lineEndMs,
      everyMs: 20,
    });
  } catch (error) {
    if (!(error instanceof RigError && error.code === 'lifetime.timeout')) throw error;
  }
  return said().split(/\r?\n/, 1)[0] ?? begins;
}

function patternOf(signature: Signature): string | RegExp {
  return 'literal' in signature ? signature.literal : new RegExp(signature.regexp, 'm');
}

function flasherFailed(board: string, said: string): RigError {
  return new RigError(`The flasher on ${board} has given up: ${said.trim()}`, {
    code: 'provision.flasher-failed',
    blame: 'board',
    hint: 'The console after that line and the log on the flasher medium say why: no internal storage, too small, or broken.',
    evidence: { said },
  });
}

function notDone(
  board: string,
  { budgetMs, ledChanges, cause }: { budgetMs: number; ledChanges: number | undefined; cause: unknown },
): RigError {
  const led = ledChanges === undefined ? '' : `; its LED changed ${ledChanges} times`;
  return new RigError(`The flasher on ${board} did not power it off within ${budgetMs} ms${led}`, {
    code: 'provision.flasher-not-done',
    blame: 'board',
    hint: 'See on the console how far it came; a large image needs a larger flasher.budget in the board type.',
    cause,
    evidence: { budgetMs, ledChanges: ledChanges ?? null },
  });
}
