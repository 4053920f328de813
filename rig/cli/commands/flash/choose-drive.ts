import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { visibleLine } from '../../../../reports/visible.js';
import { RigError } from '../../../contracts/errors.js';
import { readBlockDevices } from '../../../flash/drive/block-devices.js';
import { type Drive, driveAt, removableDrives } from '../../../flash/drive/drive.js';
import {
  assertFileIsFree,
  assertMayWrite,
  assertSameDrive,
  defaultMaxBytes,
  type SafetyOptions,
} from '../../../flash/drive/safety.js';
import { Medium } from '../../../flash/medium/medium.js';
import { openDrive } from '../../../flash/medium/own-drive.js';
import type { PackedSource } from '../../../flash/source/packed-source.js';
import { parseSizeBytes, sizeWords } from '../../../schema/units.js';
import type { CommandInput, CommandIo } from '../../command.js';
import { OptionReader } from '../../read-options.js';

const read = new OptionReader('rig flash');

/** Where to write, after every question: opening it is the last look before the first byte. */
export interface ChosenDrive {
  readonly name: string;
  open(): Promise<Medium>;
}

interface Asking {
  readonly input: CommandInput;
  readonly io: CommandIo;
}

/**
 * The drive or file that was named, or that a person picks from the removable ones.
 *
 * @throws RigError `flash.refused-drive`, `flash.not-confirmed`, `flash.no-drive`, … (blame: config)
 */
export async function chooseDrive(source: PackedSource, asking: Asking): Promise<ChosenDrive> {
  const { input, io } = asking;
  const safety = safetyOf(input);
  if (input.options.drive === undefined) {
    const drive = await pick(source, { ...asking, safety });
    return chosen(drive, { safety, io });
  }
  const path = resolve(io.cwd, String(input.options.drive));
  const kind = kindOf(path);
  if (kind === 'other')
    throw new RigError(`${path} is neither a drive nor a file`, {
      code: 'flash.not-a-drive',
      blame: 'config',
      hint: 'rig flash without --drive lists the drives that there are.',
    });
  if (kind === 'absent') return { name: path, open: () => Medium.open(path, { create: true }) };
  const real = realpathSync(path);
  if (source.path !== undefined && real === realpathSync(source.path))
    throw read.bad(`${path} is the image itself`);
  if (kind === 'file') {
    assertFileIsFree(real);
    await confirm(`Overwrite the file ${path} (${sizeWords(statSync(real).size)})?`, asking);
    return { name: path, open: () => Medium.open(real) };
  }
  const drive = await driveAt(real, readBlockDevices, { signal: io.signal });
  assertMayWrite(drive, safety);
  await confirm(`Everything on ${describe(drive)} will be lost. Go on?`, asking);
  return chosen(drive, { safety, io });
}

function chosen(drive: Drive, { safety, io }: { safety: SafetyOptions; io: CommandIo }): ChosenDrive {
  return {
    name: describe(drive),
    async open() {
      const now = await driveAt(drive.path, readBlockDevices, { signal: io.signal });
      assertSameDrive(drive, now);
      assertMayWrite(now, safety);
      return await openDrive(drive, { evenInUse: safety.serial !== undefined });
    },
  };
}

/** Shows the removable drives; those that must not be written are shown with the reason and cannot be picked. */
async function pick(
  source: PackedSource,
  { input, io, safety }: Asking & { safety: SafetyOptions },
): Promise<Drive> {
  const drives = await removableDrives(readBlockDevices, { signal: io.signal });
  const rows = drives.map((drive) => ({ drive, refusal: refusalOf(drive, safety) }));
  const allowed = rows.filter(({ refusal }) => refusal === undefined).map(({ drive }) => drive);
  for (const { drive, refusal } of rows) {
    const number = refusal === undefined ? `${allowed.indexOf(drive) + 1})` : ' -';
    io.err(
      `${number} ${describe(drive)}${refusal === undefined ? '' : `\n     not to be written: ${refusal}`}\n`,
    );
  }
  const mayAsk = io.terminal && source.name !== 'standard input' && input.options.yes !== true;
  if (allowed.length === 0 || !mayAsk)
    throw new RigError(
      allowed.length === 0
        ? 'There is no removable drive that may be written'
        : 'No drive was named, and nobody can be asked',
      {
        code: 'flash.no-drive',
        blame: 'config',
        hint: 'Plug one in, or name a drive or a file with --drive (and --yes in a script).',
        evidence: { drives: drives.map(({ path }) => path) },
      },
    );
  const answer = await ask(
    `Write to which drive (1 to ${allowed.length}, everything on it will be lost)? `,
    io,
  );
  const drive = /^\d+$/.test(answer) ? allowed[Number(answer) - 1] : undefined;
  if (!drive) throw notConfirmed('no drive was picked');
  return drive;
}

function refusalOf(drive: Drive, safety: SafetyOptions): string | undefined {
  try {
    assertMayWrite(drive, safety);
    return undefined;
  } catch (error) {
    if (!(error instanceof RigError)) throw error;
    return error.message.replace(/^.*?: /, '');
  }
}

async function confirm(question: string, { input, io }: Asking): Promise<void> {
  if (input.options.yes === true) return;
  if (!io.terminal || input.args[0] === '-') throw notConfirmed('nobody can be asked');
  const answer = await ask(`${question} (y/N) `, io);
  if (!/^y(es)?$/i.test(answer)) throw notConfirmed(`the answer was ${JSON.stringify(answer)}`);
}

async function ask(question: string, io: CommandIo): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const over = new AbortController();
  // A terminal that is being read hands Ctrl-C to the reader alone; Ctrl-D ends its input.
  lines.on('SIGINT', () => void process.kill(process.pid, 'SIGINT'));
  lines.on('close', () => over.abort());
  try {
    const signal = AbortSignal.any([io.signal, over.signal]);
    return (await lines.question(question, { signal })).trim();
  } catch (error) {
    throw over.signal.aborted ? notConfirmed('no answer came') : error;
  } finally {
    lines.close();
  }
}

function notConfirmed(why: string): RigError {
  return new RigError(`Nothing was written: ${why}`, {
    code: 'flash.not-confirmed',
    blame: 'config',
    hint: 'In a script, name the drive and say so: --drive PATH --yes.',
  });
}

function safetyOf({ options }: CommandInput): SafetyOptions {
  const text = options.maxSize as string | undefined;
  const maxBytes = text === undefined ? defaultMaxBytes : parseSizeBytes(text);
  if (maxBytes === undefined) throw read.bad(`--max-size takes a size such as 64G, not "${text}"`);
  return { maxBytes, serial: options.serial as string | undefined };
}

/** A drive tells its own model and serial number: neither may steer this terminal. */
function describe({ path, model, sizeBytes, serial, transport, mountpoints }: Drive): string {
  const facts = [
    visibleLine(model),
    sizeWords(sizeBytes),
    ...(transport === undefined ? [] : [transport]),
    ...(serial === undefined ? [] : [`serial ${visibleLine(serial)}`]),
    mountpoints.length > 0 ? `mounted: ${mountpoints.map(visibleLine).join(', ')}` : 'nothing mounted',
  ];
  return `${path} (${facts.join(', ')})`;
}

function kindOf(path: string): 'block' | 'file' | 'absent' | 'other' {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return 'absent';
  return stats.isBlockDevice() ? 'block' : stats.isFile() ? 'file' : 'other';
}
