import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { BoardType, MachineSpec } from '../rig/contracts/board.js';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import type { SnapshotKey } from '../rig/contracts/snapshot.js';
import { sha256OfFile } from '../rig/lifetime/hash-file.js';
import { type Accelerator, hostProcessor } from './accelerator.js';
import { commandLine } from './command-line.js';
import { bootFiles, checkBootFiles } from './firmware.js';

export interface KeyFacts extends Cancellable {
  readonly type: BoardType;
  readonly spec: MachineSpec;
  readonly accelerator: Accelerator;
  /** As QEMU says it, the package's revision included. */
  readonly qemuVersion: string;
  readonly medium: { readonly sha256: string; readonly sizeBytes: number } | undefined;
}

/** Put in the place of what differs from board to board and from run to run. */
const anyIdentity = { name: 'NAME', uuid: '00000000-0000-4000-8000-000000000000', mac: '52:54:00:00:00:00' };

/** @throws RigError `qemu.firmware-missing` */
export async function snapshotKey(facts: KeyFacts): Promise<SnapshotKey> {
  const { type, spec, accelerator, medium, signal } = facts;
  await checkBootFiles(spec.boot);
  const firmware: string[] = [];
  for (const { what, path } of bootFiles(spec.boot)) {
    // Variables are saved with the board.
    if (what !== 'UEFI variables') firmware.push(`${what} ${await hashOfFile(path, { signal })}`);
  }
  const argv = commandLine(type.arch, spec, {
    accelerator,
    identity: anyIdentity,
    serialPath: 'SERIAL',
    disk: medium ? 'MEDIUM' : undefined,
    environmentFlash: spec.boot.kind === 'u-boot' && spec.boot.environment ? 'ENVIRONMENT' : undefined,
    uefiVariables: spec.boot.kind === 'uefi' ? 'VARIABLES' : undefined,
  });
  return {
    'QEMU version': facts.qemuVersion,
    accelerator: accelerator.name === 'kvm' ? `kvm on ${hostProcessor()}` : accelerator.name,
    machine: argv.join(' '),
    firmware: firmware.join(', '),
    'board type': `${type.name} ${hashOfText(JSON.stringify(type))}`,
    image: medium?.sha256 ?? 'none',
    'medium size': medium ? `${medium.sizeBytes} bytes` : 'none',
  };
}

/** By inode, size and times: a file that is moved with its folder is not read again. */
const known = new Map<string, string>();

/** SHA-256 of a file, read once as long as nothing touches it. */
export async function hashOfFile(path: string, { signal }: Cancellable = {}): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const stamp = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  const before = known.get(stamp);
  if (before !== undefined) return before;
  const sha256 = await sha256OfFile(path, { signal });
  known.set(stamp, sha256);
  return sha256;
}

function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
