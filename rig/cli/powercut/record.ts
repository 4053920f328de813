import type { BoardConfig, Image } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { Bundle } from '../../contracts/update.js';
import { limitsOf, signsOf } from '../../core/powercut/judge/limits.js';
import { recordOperation } from '../../core/powercut/record/record.js';
import { fileFacts } from '../../core/update/file-facts.js';
import { resolveImage } from '../image-ref.js';
import { makeBundle } from '../make-bundle.js';
import { attach, type BoardsContext, openTwin } from './boards.js';
import { type RecordedOperation, writeOperation } from './folder.js';
import { noUpdate, operationOf } from './operation.js';
import type { PowercutRequest } from './request.js';

/** Does the operation once on a twin of the board, and keeps what was written in the request's folder. */
export async function record(
  board: BoardConfig,
  { request, context }: { readonly request: PowercutRequest; readonly context: BoardsContext },
): Promise<RecordedOperation> {
  const { io, scale } = context;
  const { folder } = request;
  const began = performance.now();
  const progress = (line: string): void => io.err(`${line}\n`);
  const image = await imageBefore(board, { request, context, progress });
  const update = await updateOf(image, { request, context, progress });
  const { operation: name, command, newVersion, model, seed } = request;
  if (name === 'flash' && board.type.flash !== 'flasher') throw noFlasher(board);
  const what = {
    operation: name,
    image,
    ...(command === undefined ? {} : { command }),
    ...(newVersion === undefined ? {} : { newVersion }),
    ...(update === undefined ? {} : { update }),
  };
  const operation = operationOf(what);
  await using twin = await openTwin(board, { ...context, suffix: 'cut' });
  const { session, medium } = twin;
  const { storage } = session.capabilities;
  if (!storage) throw new TypeError(`${session.board.name} has a medium to explore and no storage`);
  await using control = await attach(session, { ...context, image });
  const recording = await recordOperation({
    ...{ session, storage, medium, board: control, image, operation, folder, progress },
    signs: signsOf(board),
    healthyMs: limitsOf(board, scale).healthyMs,
    measure: async (path) => ({ path, ...(await fileFacts(path, { signal: io.signal })) }),
    signal: io.signal,
  });
  const recorded: RecordedOperation = {
    format: 'boardrig-powercut-operation/1',
    board: { name: board.name, type: board.type.name },
    ...{ ...what, ...recording, model, seed },
    seconds: (performance.now() - began) / 1000,
  };
  await writeOperation(folder, recorded);
  return recorded;
}

export interface Making {
  readonly request: PowercutRequest;
  readonly context: BoardsContext;
  readonly progress: (line: string) => void;
}

/** What is on the medium before the operation. @throws RigError `powercut.no-image` */
export async function imageBefore(
  board: BoardConfig,
  { request, context, progress }: Making,
): Promise<Image> {
  const { cwd, env, signal } = context.io;
  const image = await resolveImage(board, { ref: request.from, cwd, env, signal, progress });
  if (typeof image === 'object') return image;
  throw new RigError(`There is no image to put on ${board.name} before the operation`, {
    code: 'powercut.no-image',
    blame: 'config',
    hint: 'Give one with --from IMAGE.',
  });
}

/** The update of an operation that is one. @throws RigError `powercut.no-update` */
export async function updateOf(
  image: Image,
  { request, context, progress }: Making,
): Promise<Bundle | undefined> {
  if (request.operation !== 'update') return undefined;
  const { env, signal } = context.io;
  const { update, folder } = request;
  const bundle = await makeBundle({}, { from: image, update, folder, env, progress, signal });
  if (!bundle) throw noUpdate();
  return bundle;
}

function noFlasher(board: BoardConfig): RigError {
  return new RigError(`${board.name} is not flashed by a flasher in its slot`, {
    code: 'powercut.no-flasher',
    blame: 'config',
    hint: 'Its board type needs "flash: flasher"; virt-arm64-flasher is one.',
  });
}
