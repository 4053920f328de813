import type { Image } from '../contracts/board.js';
import { installsItself } from '../core/provision/method.js';
import type { AttachedSession } from '../core/session/attached.js';
import { type BoardRequest, backgroundSession, capability, imageFor } from './board-command.js';
import type { CommandInput, CommandIo } from './command.js';
import { provisionBoard } from './provision-board.js';

export interface BroughtUp extends AsyncDisposable {
  readonly session: AttachedSession;
  readonly started: boolean;
  /** What was put on the medium now. */
  readonly image: Image | undefined;
}

/**
 * The board powered on in a session of its own: an image put on its medium if one is named, or if it is a virtual board
 * that has none. When something fails, a session that this call started is ended again.
 */
export async function bringUp(
  request: BoardRequest,
  { io, input }: { io: CommandIo; input: CommandInput },
): Promise<BroughtUp> {
  const ref = input.options.image as string | undefined;
  // Before anything is started: a wrong image is bad input.
  const wanted = ref === undefined ? undefined : await imageFor(request, { io, ref });
  const { session, started } = await backgroundSession(request, { io, input, exclusive: true });
  try {
    const power = capability(session, 'power');
    const image =
      wanted ?? (isBlank(session, { started }) ? await imageFor(request, { io, ref: undefined }) : undefined);
    if (image) await provisionBoard(session, image, io);
    await power.on({ signal: io.signal });
    return { session, started, image, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  } catch (error) {
    if (started) await session.stop({ force: true }).catch(() => session.ended);
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a board wrote on its internal storage by itself nobody knows; it is there as long as the session is. */
function isBlank({ board, capabilities }: AttachedSession, { started }: { started: boolean }): boolean {
  if (installsItself(board.type) && board.type.machine) return started;
  return capabilities.storage?.state().kind === 'unknown';
}
