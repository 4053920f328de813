import type { Stage } from '../../contracts/board.js';
import type { RigError } from '../../contracts/errors.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { ConsoleLog } from '../../record/console-log.js';
import { ConsoleShell } from '../console/console-shell.js';
import { ConsoleEngine } from '../console/engine.js';
import type { EpochReason } from '../console/options.js';
import type { SignatureName } from '../console/stages.js';
import type { BoardControlOptions } from './board-control.js';

/** The console of a board in use: its engine, fed from the session and logged, and a shell where it has a prompt. */
export interface BoardConsole extends AsyncDisposable {
  readonly engine: ConsoleEngine;
  readonly shell: ConsoleShell | undefined;
}

/** What the console asks of its board, and tells it. */
export interface ConsoleHost {
  /** Ends whatever is under way. */
  signal(): AbortSignal;
  isOn(): Promise<boolean>;
  onEpoch(reason: EpochReason): void;
  onStage(stage: Stage, ms: number): void;
  onMishap(error: RigError): void;
}

/** Signatures that mark a stage; a login prompt is not a shell yet. */
const stageOf: Partial<Record<SignatureName, Stage>> = {
  firmware: 'firmware',
  bootloader: 'bootloader',
  kernel: 'kernel',
  init: 'init',
};

/** @returns undefined for a board without a console */
export async function openBoardConsole(
  options: BoardControlOptions,
  host: ConsoleHost,
): Promise<BoardConsole | undefined> {
  const { session, emit } = options;
  const line = session.console;
  if (!line) return undefined;
  const { name, type } = session.board;
  const ends = new DisposalStack();
  const log = ends.use(await ConsoleLog.open(options.consolePath));
  const engine = ends.use(
    new ConsoleEngine({
      boardName: name,
      signatures: type.signatures,
      write: (bytes, write) => line.write(bytes, write),
      log,
      secrets: options.secrets,
      clock: () => performance.now(),
      scale: options.scale,
      evidence: async () => ({
        power: (await session.capabilities.power?.state()) ?? 'unknown',
        lineOpen: true,
        lineProven: type.machine !== undefined,
      }),
      abortSignal: () => host.signal(),
      onEpoch: ({ epoch, reason, offset }) => {
        emit({ type: 'epoch', board: name, epoch, reason, offset });
        host.onEpoch(reason);
      },
      onBytes: (bytes) => emit({ type: 'console', board: name, ...bytes }),
      onSighting: ({ epoch, name: signature, offset, ms }) => {
        const stage = stageOf[signature];
        if (stage === undefined) return;
        emit({ type: 'stage', board: name, epoch, stage, ms, offset });
        host.onStage(stage, ms);
      },
      onInput: ({ epoch, text }) => emit({ type: 'console.input', board: name, epoch, text }),
      onMishap: (error) => host.onMishap(error),
    }),
  );
  ends.use(
    line.subscribe({
      data: (chunk) => engine.feed(chunk),
      lost: (error) => {
        engine.fail(error);
        host.onMishap(error);
      },
    }),
  );
  const shell = type.signatures.prompt
    ? new ConsoleShell({ engine, access: type, abortSignal: () => host.signal() })
    : undefined;
  return { engine, shell, [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose]() };
}
