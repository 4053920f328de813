import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BoardConfig, Image } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { Certificate } from '../../contracts/powercut-verdict.js';
import { limitsOf, signsOf } from '../../core/powercut/judge/limits.js';
import { certifyCuts } from '../../core/powercut/physical/certificate.js';
import { type Cut, cutBoard } from '../../core/powercut/physical/cut-board.js';
import type { DangerousPlace } from '../../core/powercut/physical/times.js';
import { SeededRandom } from '../../core/runner/random.js';
import { sha256OfFile } from '../../lifetime/hash-file.js';
import { attach, type BoardsContext, openItself } from './boards.js';
import { readOperation } from './folder.js';
import { operationOf } from './operation.js';
import { imageBefore, updateOf } from './record.js';
import type { PowercutRequest } from './request.js';

const cutsFile = 'cuts.ndjson';

/** Cuts the power of the board itself, as often as was asked for. @throws RigError `powercut.cannot-cut` (blame: config) */
export async function explorePhysically(
  board: BoardConfig,
  { request, context }: { readonly request: PowercutRequest; readonly context: BoardsContext },
): Promise<Certificate> {
  const { io, scale, folder } = context;
  const progress = (line: string): void => io.err(`${line}\n`);
  const began = performance.now();
  if (request.operation === 'flash') throw onlyVirtual(board);
  const image = await imageBefore(board, { request, context, progress });
  const update = await updateOf(image, { request, context, progress });
  const { operation: name, command, newVersion } = request;
  const operation = operationOf({
    operation: name,
    image,
    ...(command === undefined ? {} : { command }),
    ...(newVersion === undefined ? {} : { newVersion }),
    ...(update === undefined ? {} : { update }),
  });
  await using session = await openItself(board, context);
  if (!session.capabilities.power) throw cannotCut(board);
  const series = await cutBoard({
    ...{ session, image, operation, progress },
    attach: () => attach(session, { ...context, image }),
    judgement: {
      signs: signsOf(board),
      limits: limitsOf(board, scale),
      sideOf: (up) => operation.sideOf(up),
      ...(operation.again ? { again: operation.again } : {}),
    },
    cuts: request.cuts ?? 0,
    random: new SeededRandom({ seed: request.seed, id: 'powercut times', attempt: 1 }),
    guide: await guideFrom(request.guide, { io, profile: board.profile }),
    examine: (drive) => sha256OfFile(drive.path, { signal: io.signal }),
    onCut: (cut) => keepCut(folder, cut),
    signal: io.signal,
  });
  return certifyCuts(series, {
    operation: name,
    board: { name: board.name, type: board.type.name },
    base: baseOf(image),
    seed: request.seed,
    seconds: Math.round((performance.now() - began) / 1000),
  });
}

function baseOf({ sha256, sizeBytes, version }: Image): Certificate['base'] {
  return { sha256, sizeBytes, ...(version === undefined ? {} : { version }) };
}

async function keepCut(folder: string, cut: Cut): Promise<void> {
  await appendFile(join(folder, cutsFile), `${JSON.stringify(cut)}\n`);
}

/** Where the log of a virtual board's exploration has what a boot needs first. */
async function guideFrom(
  folder: string | undefined,
  { io, profile }: Pick<BoardsContext, 'io'> & Pick<BoardConfig, 'profile'>,
): Promise<DangerousPlace | undefined> {
  if (folder === undefined) return undefined;
  const { CrashSpace } = await import('./space.js');
  await using space = await CrashSpace.open(await readOperation(folder), { profile, signal: io.signal });
  return { phases: space.log.phases, entries: space.log.entries.length, dangerous: space.dangerous };
}

function onlyVirtual(board: BoardConfig): RigError {
  return new RigError(`Flashing ${board.name} by its flasher cannot be cut`, {
    code: 'powercut.cannot-cut',
    blame: 'config',
    hint: 'Explore --operation flash on a virtual board; on this one cut an update.',
  });
}

function cannotCut(board: BoardConfig): RigError {
  return new RigError(`The rig cannot switch the power of ${board.name}`, {
    code: 'powercut.cannot-cut',
    blame: 'config',
    hint: 'A driver that gives power belongs in the lab file.',
  });
}
