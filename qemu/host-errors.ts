import { statfs } from 'node:fs/promises';
import { RigError } from '../rig/contracts/errors.js';
import type { JsonObject } from '../rig/contracts/json.js';
import type { Child, ChildEnd } from '../rig/lifetime/child-process.js';

interface Told {
  readonly board: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
}

const linesTold = 8;

/** Less than this free on the host's filesystem counts as full. */
const fullBytes = 1024 * 1024;

/** QEMU ended before it greeted. */
export function cannotStart(told: Told & { readonly child: Child }): RigError {
  const words = told.child.stderr.lastLines(linesTold);
  return new RigError(
    `Cannot start ${told.program} for board "${told.board}": ${words.join('\n') || 'it ended and said nothing'}`,
    {
      code: 'qemu.cannot-start',
      blame: 'rig',
      hint: 'Compare `machine` of the board type with what this QEMU knows: -machine help, -cpu help, -device help.',
      evidence: evidenceOf(told, told.child.end),
    },
  );
}

/** QEMU ran and ended, and it was not us. */
export function unexpectedEnd(told: Told & { readonly child: Child; readonly end: ChildEnd }): RigError {
  const { child, end } = told;
  const words = child.stderr.lastLines(linesTold);
  const said = words.length > 0 ? `: ${words.join('\n')}` : '';
  const evidence = evidenceOf(told, end);
  if (end.signal !== null) {
    return new RigError(`QEMU of board "${told.board}" was ended by ${end.signal}${said}`, {
      code: 'qemu.killed',
      blame: 'rig',
      hint: 'Somebody killed it, or the kernel did for lack of memory: see dmesg.',
      evidence,
    });
  }
  return new RigError(`QEMU of board "${told.board}" ended by itself with exit code ${end.code}${said}`, {
    code: 'qemu.exited',
    blame: 'rig',
    hint: 'A defect of QEMU, or somebody asked it to end; its own words are in the message.',
    evidence,
  });
}

/** QEMU could not read or write the board's medium on this host, and stopped the machine. */
export async function hostDiskError(told: Told, event: JsonObject): Promise<RigError> {
  if (event.nospace === true)
    return diskFullError(told.folder, { freeBytes: (await freeBytesOf(told.folder)) ?? 0 });
  return new RigError(
    `This host cannot ${String(event.operation)} the medium of board "${told.board}": ${String(event.reason)}`,
    {
      code: 'qemu.host-disk-error',
      blame: 'rig',
      hint: 'See dmesg of this host, and whether the image or the work folder was removed.',
      evidence: { event },
    },
  );
}

function evidenceOf(told: Told & { readonly child: Child }, end: ChildEnd | undefined) {
  return {
    pid: told.child.pid,
    exitCode: end?.code ?? null,
    signal: end?.signal ?? null,
    stderr: told.child.stderr.lastLines(linesTold),
    command: [told.program, ...told.args],
  };
}

export function missingQemu(program: string, debianPackage: string, cause?: unknown): RigError {
  return new RigError(`Cannot find ${program}, which plays the virtual boards`, {
    code: 'qemu.missing',
    blame: 'rig',
    hint: `Install it: apt-get install ${debianPackage}`,
    cause,
    evidence: { program, debianPackage, path: process.env.PATH ?? '' },
  });
}

/** The error to give instead of `cause` when the filesystem under `folder` has no room left. */
export async function hostDiskFull(folder: string, cause?: unknown): Promise<RigError | undefined> {
  const freeBytes = await freeBytesOf(folder);
  return freeBytes === undefined || freeBytes >= fullBytes
    ? undefined
    : diskFullError(folder, { freeBytes, cause });
}

/** @returns undefined when the folder itself is gone, which is then not the trouble to tell of */
async function freeBytesOf(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

function diskFullError(folder: string, options: { freeBytes: number; cause?: unknown }): RigError {
  return new RigError(`The disk of this host is full: ${options.freeBytes} bytes are free under ${folder}`, {
    code: 'qemu.host-disk-full',
    blame: 'rig',
    hint: 'Make room (old runs, caches), or point TMPDIR or the state folder to a larger disk.',
    cause: options.cause,
    evidence: { folder, freeBytes: options.freeBytes },
  });
}
