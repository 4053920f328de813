import type { Image } from '../contracts/board.js';
import { mediumBytesFor } from '../core/board/medium-size.js';
import type { AttachedSession } from '../core/session/attached.js';
import { type BoardRequest, backgroundSession, capability, imageFor } from './board-command.js';
import type { CommandInput, CommandIo } from './command.js';

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
    const unknown = session.capabilities.storage?.state().kind === 'unknown';
    const image = wanted ?? (unknown ? await imageFor(request, { io, ref: undefined }) : undefined);
    if (image) {
      const { path, sha256 } = image;
      const mediumBytes = mediumBytesFor(request.board.type, image);
      await power.off({ signal: io.signal });
      await capability(session, 'storage').provision({ path, sha256 }, { signal: io.signal, mediumBytes });
    }
    await power.on({ signal: io.signal });
    return { session, started, image, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  } catch (error) {
    if (started) await session.stop({ force: true }).catch(() => session.ended);
    await session[Symbol.asyncDispose]();
    throw error;
  }
}
