import type { Stage } from '../../contracts/board.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { ConsoleLog } from '../../record/console-log.js';
import type { SecretMask } from '../../record/secrets.js';
import { ConsoleShell } from '../console/console-shell.js';
import { ConsoleEngine } from '../console/engine.js';
import type { SignatureName } from '../console/stages.js';
import { bootHistory } from '../update/boot-history.js';
import type { Circuit } from './circuit.js';

/** The console of a board in use: its engine, fed from the session and logged, and a shell where it has a prompt. */
export interface BoardConsole extends AsyncDisposable {
  readonly engine: ConsoleEngine;
  readonly shell: ConsoleShell | undefined;
}

/** Signatures that mark a stage; a login prompt is not a shell yet. */
const stageOf: Partial<Record<SignatureName, Stage>> = {
  firmware: 'firmware',
  bootloader: 'bootloader',
  kernel: 'kernel',
  init: 'init',
};

/** What an engine needs of a log. */
export type ConsoleCount = Pick<ConsoleLog, 'append' | 'offset'>;

/** @returns undefined for a board without a console */
export async function openBoardConsole(
  circuit: Circuit,
  options: {
    readonly consolePath: string;
    readonly consoleLog?: ConsoleCount;
    readonly secrets: SecretMask;
  },
): Promise<BoardConsole | undefined> {
  const { session, emit, scale } = circuit;
  const line = session.console;
  if (!line) return undefined;
  const { name, type } = session.board;
  const ends = new DisposalStack();
  const log = options.consoleLog ?? ends.use(await ConsoleLog.open(options.consolePath));
  let lineOpen = true;
  const engine = ends.use(
    new ConsoleEngine({
      boardName: name,
      signatures: type.signatures,
      write: (bytes, write) => line.write(bytes, write),
      sendBreak: (options) => line.sendBreak(options),
      log,
      secrets: options.secrets,
      clock: () => performance.now(),
      scale,
      evidence: async () => ({
        power: (await session.capabilities.power?.state()) ?? 'unknown',
        lineOpen,
        lineProven: type.machine !== undefined,
      }),
      abortSignal: () => circuit.signal,
      onEpoch: ({ epoch, reason, offset }) => {
        emit({ type: 'epoch', board: name, epoch, reason, offset });
        circuit.epochBegan(reason);
      },
      onBytes: (bytes) => emit({ type: 'console', board: name, ...bytes }),
      onSighting: ({ epoch, name: signature, offset, ms }) => {
        const stage = stageOf[signature];
        if (stage === undefined) return;
        emit({ type: 'stage', board: name, epoch, stage, ms, offset });
        circuit.life.add(stage, ms);
      },
      onPanic: () => circuit.history?.panicked(),
      onInput: (input) => emit({ type: 'console.input', board: name, ...input }),
      onMishap: (error) => circuit.raise(error),
    }),
  );
  const signs = session.board.profile.update?.signs;
  if (signs) {
    const history = bootHistory(engine, {
      signs,
      tell: (boot) => emit({ type: 'slot.boot', board: name, ...boot }),
    });
    ends.defer(() => history.close());
    circuit.history = history;
  }
  ends.use(
    line.subscribe({
      data: (chunk) => engine.feed(chunk),
      lost: (error) => {
        lineOpen = false;
        engine.fail(error);
        circuit.raise(error);
      },
    }),
  );
  const shell = type.signatures.prompt
    ? new ConsoleShell({ engine, access: type, abortSignal: () => circuit.signal })
    : undefined;
  return { engine, shell, [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose]() };
}
