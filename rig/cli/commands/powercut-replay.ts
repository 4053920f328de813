import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { serveView } from '../../../qemu/write-log/block-server.js';
import { ViewFiles } from '../../../qemu/write-log/view.js';
import { visibleLine } from '../../../reports/visible.js';
import { findBoard } from '../../config/find-boards.js';
import type { BoardConfig } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { ServedView } from '../../contracts/powercut.js';
import type { ReplayFile } from '../../contracts/powercut-verdict.js';
import { bootView, type CrashBoard, judgeBoot } from '../../core/powercut/judge/boot-judge.js';
import { bricked, untilHealthy } from '../../core/powercut/judge/full-judge.js';
import { limitsOf, signsOf } from '../../core/powercut/judge/limits.js';
import { parseReplayFile, unpackReplay } from '../../core/powercut/replay-file.js';
import { boardPlaces, sessionRoots } from '../../core/session/directory.js';
import { fileFacts } from '../../core/update/file-facts.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { measureSpeedFactor } from '../../lifetime/host-speed.js';
import type { CommandInput, CommandIo } from '../command.js';
import { openLab } from '../open-lab.js';
import { openTwin } from '../powercut/boards.js';
import { healthyReplay, type ReplayVerdict, replayExits } from '../powercut/replay-verdict.js';
import { PrintableText } from '../printable.js';

/** `rig powercut replay FILE`: boots the state of a counterexample, with its console here. Exits 1 when it is as bad as it was, 3 when that cannot be seen from outside. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const path = resolve(io.cwd, String(input.args[0]));
  const file = parseReplayFile(await readText(path));
  const base = resolve(
    io.cwd,
    (input.options.base as string | undefined) ?? join(dirname(path), '..', 'base.raw'),
  );
  if (file.operation === 'flash') throw onlyExplored(path);
  const lab = await openLab(input, io);
  const board = findBoard(lab, file.board);
  await assertBase(base, { file, io });
  const json = input.options.json === true;
  const scale = measureSpeedFactor();
  await using stack = new DisposalStack();
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-powercut-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const twin = stack.use(await openTwin(board, { lab, io, wait: false, scale, folder, suffix: 'replay' }));
  const { work } = boardPlaces(twin.session.board.name, sessionRoots(io.env));
  const view = stack.use(await serve(file, { base, folder, stack, socketPath: join(work, 'medium.sock') }));
  if (!json) {
    io.err(`${visibleLine(`${file.state.name}: ${file.verdict.why}`)}\n`);
    for (const { entry, phase, what } of file.explained)
      io.err(`${visibleLine(`  write ${entry} in "${phase}": ${what}`)}\n`);
    const text = new PrintableText();
    const shown = twin.session.console?.subscribe({
      data: (chunk) => io.out(text.push(chunk)),
      lost: () => {},
    });
    if (shown) stack.defer(() => shown[Symbol.dispose]());
  }
  const { verdict, why } = await happens(file, { ...twin, view }, { board, scale, signal: io.signal });
  if (json) io.out(`${JSON.stringify({ state: file.state.name, verdict, why })}\n`);
  else io.err(`\n${visibleLine(why)}\n`);
  return replayExits[verdict];
}

/** A brick that the bootloader shows is seen from its word; of any other the board is followed until it is healthy or never will be. */
async function happens(
  { state, verdict }: ReplayFile,
  crashed: CrashBoard,
  { board, scale, signal }: Cancellable & { readonly board: BoardConfig; readonly scale: number },
): Promise<{ readonly verdict: ReplayVerdict; readonly why: string }> {
  const [signs, limits] = [signsOf(board), limitsOf(board, scale)];
  if (verdict.by === 'boot') {
    const { sight } = await judgeBoot(state, { ...{ signs, limits, signal }, board: crashed });
    return { verdict: sight.brick === undefined ? 'boots' : 'bricked', why: sight.why };
  }
  using watch = await bootView(crashed, { signs, signal });
  const end = await untilHealthy(watch, { signs, limits }, { signal });
  await crashed.session.capabilities.power?.off();
  return end === 'met' ? healthyReplay(verdict) : { verdict: 'bricked', why: bricked(watch, end).why };
}

async function serve(
  file: ReplayFile,
  {
    base,
    folder,
    stack,
    socketPath,
  }: { base: string; folder: string; stack: DisposalStack; socketPath: string },
): Promise<ServedView> {
  const { bytes, extents } = unpackReplay(file);
  const pieces = join(folder, 'pieces');
  await writeFile(pieces, bytes);
  const files = stack.use(await ViewFiles.open({ base, logs: [pieces], sizeBytes: file.base.mediumBytes }));
  return serveView(files, { extents, socketPath });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new RigError(`Cannot read the replay file ${path}`, {
      code: 'powercut.no-replay',
      blame: 'config',
      hint: 'Give a file of the folder bricks/ beside a certificate.',
      cause,
    });
  }
}

async function assertBase(base: string, { file, io }: { file: ReplayFile; io: CommandIo }): Promise<void> {
  const found = await fileFacts(base, { signal: io.signal }).catch((error: unknown) => {
    io.signal.throwIfAborted();
    return error instanceof Error ? error : new Error(String(error));
  });
  if (!(found instanceof Error) && found.sha256 === file.base.sha256) return;
  const why = found instanceof Error ? found.message : 'it is another one';
  throw new RigError(`${base} is not the medium that this state lies on: ${why}`, {
    code: 'powercut.other-base',
    blame: 'config',
    hint: `Give the medium before the operation, sha256 ${file.base.sha256.slice(0, 12)}…, with --base.`,
  });
}

function onlyExplored(path: string): RigError {
  return new RigError(`${path} is a state of a flash, which needs the flasher in the slot`, {
    code: 'powercut.no-replay',
    blame: 'config',
    hint: 'Go on with its exploration: rig powercut BOARD --resume DIR.',
  });
}
