import { join } from 'node:path';
import { findBoard } from '../../config/find-boards.js';
import { RigError } from '../../contracts/errors.js';
import { summaryOf } from '../../core/powercut/judge/certificate.js';
import { measureSpeedFactor } from '../../lifetime/host-speed.js';
import type { CommandInput, CommandIo } from '../command.js';
import { openLab } from '../open-lab.js';
import { makeFolder, readOperation } from '../powercut/folder.js';
import { readRequest } from '../powercut/request.js';

/** `rig powercut BOARD`: every state that a power cut in an operation can leave is booted and judged. Exits 1 on a brick or lost data. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const request = readRequest(input, io);
  const lab = await openLab(input, io);
  const board = findBoard(lab, request.board);
  const { folder } = request;
  const scale = board.type.machine ? measureSpeedFactor() : 1;
  const context = { lab, io, wait: request.wait, scale, folder };
  const [{ exploreRecorded, exitCodeFor }, { record }, { writeCertificate }] = await Promise.all([
    import('../powercut/run.js'),
    import('../powercut/record.js'),
    import('../../../reports/powercut/write.js'),
  ]);
  const recorded = request.resume ? await readOperation(folder) : undefined;
  if (recorded && recorded.board.type !== board.type.name) throw otherBoard(folder, recorded.board.type);
  await makeFolder(folder);
  const certificate = await exploreRecorded({
    board,
    recorded: recorded ?? (await record(board, { request, context })),
    request,
    context,
  });
  const written = await writeCertificate(folder, certificate, { junit: request.junit });
  if (!request.json) io.out(`${describe(certificate)}\n  ${written.html}\n  ${written.junit}\n`);
  else io.out(`${JSON.stringify(summaryOf(certificate))}\n`);
  return exitCodeFor(certificate);
}

function describe({
  verdicts,
  states,
  distinct,
  booted,
  left,
  checked,
  counterexamples,
}: Awaited<ReturnType<typeof import('../powercut/run.js')['exploreRecorded']>>): string {
  const counts = Object.entries(verdicts).map(([outcome, count]) => `${count} ${outcome}`);
  const lines = [
    `${states} states, ${distinct} distinct, ${booted} boots: ${counts.join(', ')}${left > 0 ? `, ${left} left` : ''}`,
    ...counterexamples.flatMap(({ shrunk, verdict, writes, because }) => [
      `✗ ${shrunk.name}: ${verdict.why}`,
      ...writes.map((write) => `    ${because}: write ${write.entry} in "${write.phase}", ${write.what}`),
    ]),
    ...checked.disagreed.map(
      (name) => `! ${name} was settled without a boot and booted otherwise: a defect of boardrig`,
    ),
  ];
  return lines.join('\n');
}

function otherBoard(folder: string, type: string): RigError {
  return new RigError(`${join(folder, 'operation.json')} was recorded on a ${type}`, {
    code: 'powercut.other-board',
    blame: 'config',
    hint: `Resume it with a board of the type ${type}.`,
  });
}
