import { visible } from '../../../reports/visible.js';
import { findBoard } from '../../config/find-boards.js';
import { RigError, toErrorRecord } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { sessionRoots } from '../../core/session/directory.js';
import { noteCheck, readOffline } from '../../core/session/offline.js';
import { openSession, waitingLine } from '../../core/session/open.js';
import type { CommandInput, CommandIo } from '../command.js';
import { openLab } from '../open-lab.js';
import { openDevices } from '../registry.js';
import { type Finding, healthChecks } from './check/health.js';

/**
 * `rig check BOARD`: whether the rig around the board works. Powers it on and off. Exits 1 when something does not, and the
 * board is offline then until it passes.
 */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const lab = await openLab(input, io);
  const board = findBoard(lab, String(input.args[0]));
  const json = input.options.json === true;
  const findings: Finding[] = [];
  const say = (finding: Finding): void => {
    findings.push(finding);
    if (!json) io.out(visible(lineOf(finding)));
  };
  say({
    check: 'configuration',
    state: 'good',
    found: `${board.type.name}, ${describeDrivers(board.drivers)}`,
    ...(board.type.untested === undefined ? {} : { hint: untestedHint(board.type.untested) }),
  });
  const roots = sessionRoots(io.env);
  const wasOffline = readOffline(board.name, roots) !== undefined;
  await using session = await openSession(board, {
    purpose: `rig check ${board.name}`,
    openDevices,
    exclusive: true,
    wait: input.options.wait === true,
    onWait: (holder) => io.err(`${waitingLine(board.name, holder)}\n`),
    roots,
    signal: io.signal,
  }).catch((error: unknown) => {
    // A device that cannot be opened is a rig that does not work; a board that somebody has is none.
    if (error instanceof RigError && error.blame === 'rig' && !error.code.startsWith('session.'))
      noteCheck(board.name, error.message, roots);
    throw error;
  });
  for (const check of healthChecks(session)) {
    io.signal.throwIfAborted();
    // Without power nothing further can be well, and waiting for it tells nothing new.
    if (findings.some((finding) => finding.check === 'power on' && finding.state === 'bad')) break;
    try {
      say({ check: check.name, state: 'good', found: await check.run(io.signal) });
    } catch (error) {
      io.signal.throwIfAborted();
      const { message, hint } = toErrorRecord(error);
      say({ check: check.name, state: 'bad', found: message, hint });
    }
  }
  if (json) io.out(`${JSON.stringify(findings, null, 2)}\n`);
  const [first, ...more] = findings.filter((finding) => finding.state === 'bad');
  noteCheck(board.name, first && `${first.check}: ${first.found}`, roots);
  if (!json)
    io.out(
      first
        ? `The rig of ${board.name} has ${more.length + 1} bad. It is offline until a check is good.\n`
        : `The rig of ${board.name} is well.${wasOffline ? ' It is no longer offline.' : ''}\n`,
    );
  return first === undefined ? exitCodes.passed : exitCodes.failed;
}

function lineOf({ check, state, found, hint }: Finding): string {
  return `${state.padEnd(4)}  ${check.padEnd(17)}  ${found}\n${hint ? `${' '.repeat(25)}${hint}\n` : ''}`;
}

function untestedHint(why: string): string {
  return `The type is untested: ${why}. docs/qualify-a-board.md says how to change that.`;
}

function describeDrivers(configs: Readonly<Record<string, { readonly driver: string }>>): string {
  const parts = Object.entries(configs).map(([role, { driver }]) => `${role} by ${driver}`);
  return parts.length === 0 ? 'played by QEMU' : parts.join(', ');
}
