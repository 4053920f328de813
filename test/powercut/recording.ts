// An operation without a guest: qemu-io writes through blklogwrites, the same block driver and arguments that a board gets.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { CrashState, LogEntry } from '../../rig/contracts/powercut.js';

export const sector = 512;

export interface Recording {
  readonly base: string;
  /** The medium as QEMU left it, raw. */
  readonly left: string;
  readonly logs: readonly string[];
  readonly sizeBytes: number;
}

/** @param commands of qemu-io, one list for each process */
export function record(
  folder: string,
  commands: readonly (readonly string[])[],
  { sizeBytes = 1024 * 1024, baseBytes }: { readonly sizeBytes?: number; readonly baseBytes: number },
): Recording {
  const base = join(folder, 'base.raw');
  const content = Buffer.alloc(baseBytes);
  for (let at = 0; at < content.length; at += sector)
    content.fill(1 + ((at / sector) % 251), at, at + sector);
  writeFileSync(base, content);
  const overlay = join(folder, 'overlay.qcow2');
  execFileSync('qemu-img', [
    ...['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, overlay],
    String(sizeBytes),
  ]);
  const logs = commands.map((lines, index) => {
    const log = join(folder, `writes-${index}.log`);
    writeFileSync(log, '');
    const node = `driver=blklogwrites,discard=unmap,log.driver=file,log.filename=${log},log-sector-size=512`;
    const under = `file.driver=qcow2,file.discard=unmap,file.file.driver=file,file.file.filename=${overlay}`;
    execFileSync('qemu-io', [
      ...['-d', 'unmap', '--image-opts', `${node},${under}`],
      ...lines.flatMap((line) => ['-c', line]),
    ]);
    return log;
  });
  const left = join(folder, 'left.raw');
  execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', overlay, left]);
  return { base, left, logs, sizeBytes };
}

/** The medium of a state, written entry by entry as `dd` would: it shares no line with the explorer. */
export function replay(
  { base, logs, sizeBytes }: Recording,
  target: string,
  { entries, state }: { readonly entries: readonly LogEntry[]; readonly state: CrashState },
): void {
  execFileSync('cp', [base, target]);
  truncateSync(target, sizeBytes);
  const out = openSync(target, 'r+');
  for (const entry of entries) {
    if (entry.number >= state.durable && !state.kept.includes(entry.number)) continue;
    const torn = state.torn?.entry === entry.number ? state.torn : undefined;
    const bytes = Buffer.alloc(entry.sectors * sector);
    if (entry.kind === 'write') {
      const log = openSync(logs[entry.file] ?? '', 'r');
      readSync(log, bytes, 0, bytes.length, entry.offset);
      closeSync(log);
    }
    writeSync(out, bytes, 0, (torn?.sectors ?? entry.sectors) * sector, entry.sector * sector);
    if (torn && torn.erased > 0)
      writeSync(
        out,
        Buffer.alloc(torn.erased * sector, 0xff),
        0,
        torn.erased * sector,
        (entry.sector + torn.sectors) * sector,
      );
  }
  closeSync(out);
}
