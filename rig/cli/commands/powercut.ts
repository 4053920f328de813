import { join } from 'node:path';
import { visibleLine } from '../../../reports/visible.js';
import { findBoard } from '../../config/find-boards.js';
import type { BoardConfig } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { Certificate } from '../../contracts/powercut-verdict.js';
import { exitCodes } from '../../contracts/verdict.js';
import { summaryOf } from '../../core/powercut/judge/certificate.js';
import { measureSpeedFactor } from '../../lifetime/host-speed.js';
import type { CommandInput, CommandIo } from '../command.js';
import { openLab } from '../open-lab.js';
import type { BoardsContext } from '../powercut/boards.js';
import { assertSameBase, assertSameRequest, makeFolder, readOperation } from '../powercut/folder.js';
import { type PowercutRequest, readRequest } from '../powercut/request.js';

/** `rig powercut BOARD`: every state that a power cut in an operation can leave is booted and judged. Exits 1 on a brick or lost data. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const request = readRequest(input, io);
  const lab = await openLab(input, io);
  const board = findBoard(lab, request.board);
  const { folder } = request;
  const scale = board.type.machine ? measureSpeedFactor({ boards: request.jobs }) : 1;
  const context = { lab, io, wait: request.wait, scale, folder };
  await makeFolder(folder);
  const { writeCertificate } = await import('../../../reports/powercut/write.js');
  const certificate =
    request.cuts === undefined && board.type.machine
      ? await exploreStates(board, { request, context })
      : await (await import('../powercut/physical.js')).explorePhysically(board, { request, context });
  const written = await writeCertificate(folder, certificate, { junit: request.junit });
  if (!request.json) io.out(`${describe(certificate)}\n  ${written.html}\n  ${written.junit}\n`);
  else io.out(`${JSON.stringify(summaryOf(certificate))}\n`);
  return exitCodeFor(certificate);
}

async function exploreStates(
  board: BoardConfig,
  { request, context }: { readonly request: PowercutRequest; readonly context: BoardsContext },
): Promise<Certificate> {
  const { exploreRecorded } = await import('../powercut/run.js');
  const found = request.resume ? await readOperation(request.folder) : undefined;
  if (found && found.board.type !== board.type.name) throw otherBoard(request.folder, found.board.type);
  if (found) assertSameRequest(found, request);
  if (found) await assertSameBase(found, { signal: context.io.signal });
  const recorded =
    found ?? (await (await import('../powercut/record.js')).record(board, { request, context }));
  return exploreRecorded({ board, recorded, request, context });
}

/** 1 where something bad was found, 3 where the explorer contradicted itself, else 0; what is left is no failure, and said. */
function exitCodeFor({ verdicts, checked }: Certificate): number {
  if (verdicts.bricked + verdicts.dataLost > 0) return exitCodes.failed;
  return checked.disagreed.length > 0 ? exitCodes.rigFailed : exitCodes.passed;
}

/** A board's own words are in it: no control character of theirs gets through. */
export function describe({
  verdicts,
  states,
  distinct,
  booted,
  left,
  toldByBootloader,
  checked,
  counterexamples,
}: Certificate): string {
  const counts = Object.entries(verdicts).map(([outcome, count]) => `${count} ${outcome}`);
  const lines = [
    `${states} states, ${distinct} distinct, ${booted} boots: ${counts.join(', ')}${left > 0 ? `, ${left} left` : ''}`,
    ...(left > 0 && toldByBootloader
      ? [
          `The bootloader's word is known of ${toldByBootloader.states} states, ${toldByBootloader.distinct} of them distinct`,
        ]
      : []),
    ...counterexamples.flatMap(({ shrunk, verdict, writes, because }) => [
      `✗ ${shrunk.name}: ${verdict.why}`,
      ...writes.map((write) => `    ${because}: write ${write.entry} in "${write.phase}", ${write.what}`),
    ]),
    ...checked.disagreed.map(
      (name) => `! ${name} was settled without a boot and booted otherwise: a defect of boardrig`,
    ),
  ];
  return lines.map(visibleLine).join('\n');
}

function otherBoard(folder: string, type: string): RigError {
  return new RigError(`${join(folder, 'operation.json')} was recorded on a ${type}`, {
    code: 'powercut.other-board',
    blame: 'config',
    hint: `Resume it with a board of the type ${type}.`,
  });
}
