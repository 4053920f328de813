import { join } from 'node:path';
import type { Lab } from '../../config/lab.js';
import type { BoardConfig, Image } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { ExplorableMedium } from '../../contracts/powercut.js';
import type { BoardSession } from '../../contracts/session.js';
import { BoardControl } from '../../core/board/board-control.js';
import { openSession, waitingLine } from '../../core/session/open.js';
import { SecretMask } from '../../record/secrets.js';
import type { CommandIo } from '../command.js';
import { mediumWriter } from '../medium-writer.js';
import { privateKeyOf } from '../private-key.js';
import { openDevices } from '../registry.js';

/** What all boards of one exploration share. */
export interface BoardsContext {
  readonly lab: Lab;
  readonly io: CommandIo;
  readonly wait: boolean;
  /** Deadlines are multiplied by it. */
  readonly scale: number;
  /** Consoles of boards are kept there. */
  readonly folder: string;
}

/** A virtual board in this process, and its medium as the explorer needs it. */
export interface ExplorableBoard extends AsyncDisposable {
  readonly session: BoardSession;
  readonly medium: ExplorableMedium;
}

/** A twin of a virtual board: `NAME~SUFFIX`, so that a session of the board itself goes on. @throws RigError `powercut.not-virtual` */
export async function openTwin(
  board: BoardConfig,
  { suffix, ...context }: BoardsContext & { readonly suffix: string },
): Promise<ExplorableBoard> {
  const found: { medium?: ExplorableMedium | undefined } = {};
  const session = await openSession(
    { ...board, name: `${board.name}~${suffix}` },
    {
      ...sessionOptions(context),
      openDevices: async (...how) => {
        const devices = await openDevices(...how);
        found.medium = devices.find(({ explorable }) => explorable)?.explorable;
        return devices;
      },
    },
  );
  const { medium } = found;
  if (medium) return { session, medium, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  await session[Symbol.asyncDispose]();
  throw new RigError(
    `The states of a medium can be explored on virtual boards only, and ${board.name} is none`,
    {
      code: 'powercut.not-virtual',
      blame: 'config',
      hint: 'Name a virtual board, or cut the power of this one: --physical.',
    },
  );
}

/** The board itself, whatever it hangs on. */
export function openItself(board: BoardConfig, context: BoardsContext): Promise<BoardSession> {
  return openSession(board, { ...sessionOptions(context), openDevices });
}

function sessionOptions({ io, lab, wait }: BoardsContext) {
  return {
    purpose: 'rig powercut',
    exclusive: true,
    wait,
    secrets: lab.secrets,
    signal: io.signal,
    onWait: (holder: Parameters<typeof waitingLine>[1]) =>
      io.err(`${waitingLine('of the explorer', holder)}\n`),
  } as const;
}

/** A board as suites see it, over a session that outlives it. */
export async function attach(
  session: BoardSession,
  { image, lab, scale, folder, io }: BoardsContext & { readonly image: Image },
): Promise<BoardControl> {
  const { board } = session;
  const secrets = new SecretMask(lab.secrets);
  secrets.register(board.type.login?.password ?? '');
  const control = await BoardControl.open({
    session: lent(session),
    privateKey: (current) => privateKeyOf(current, board),
    emit: () => {},
    consolePath: join(folder, 'console', `${encodeURIComponent(board.name)}.raw`),
    secrets,
    scale,
    writer: mediumWriter,
  });
  control.useSignal(io.signal);
  control.image = image;
  return control;
}

/** The same session for one who ends what it is given. */
function lent(session: BoardSession): BoardSession {
  return {
    board: session.board,
    drivers: session.drivers,
    has: session.has,
    capabilities: session.capabilities,
    ...(session.console ? { console: session.console } : {}),
    onEvent: (listener) => session.onEvent(listener),
    cpuSeconds: () => session.cpuSeconds(),
    [Symbol.asyncDispose]: async () => {},
  };
}
