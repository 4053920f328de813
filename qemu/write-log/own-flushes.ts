import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LogEntry } from '../../rig/contracts/powercut.js';

/**
 * QEMU flushes all its disks whenever a machine stops (softmmu/cpus.c, do_vm_stop), and it stops ours at each reset and power-off. In the log
 * such a flush looks like one of the guest, and would make durable what no real medium has to keep. QEMU's trace tells them apart: every
 * request of the guest is in it, and what is neither a read nor a write was a flush (or a discard, or the question for a serial number, which
 * nobody asks between a last write and a reset).
 */
export const tracedEvents = [
  'virtio_blk_handle_read',
  'virtio_blk_handle_write',
  'virtio_blk_req_complete',
  'vm_stop_flush_all',
] as const;

/** Where the trace of a log lies. A disk that is no virtio disk has an empty one. */
export function traceOf(log: string): string {
  return `${log}.trace`;
}

/** A stop of the machine, at the time of the guest's requests: nothing is under way then. */
export interface MachineStop {
  /** What the guest had written since the process began. */
  readonly sectors: number;
  /** It has flushed since it wrote last. */
  readonly flushed: boolean;
}

/** By virtio device. */
class DiskTrace {
  readonly stops: MachineStop[] = [];
  readonly #reads = new Set<string>();
  readonly #writes = new Map<string, number>();
  sectors = 0;
  #flushed = true;

  event(name: string, request: string, sectors: number): void {
    if (name === 'virtio_blk_handle_read') this.#reads.add(request);
    else if (name === 'virtio_blk_handle_write') this.#writes.set(request, sectors);
    else if (name === 'virtio_blk_req_complete') this.#complete(request);
  }

  stop(): void {
    this.stops.push({ sectors: this.sectors, flushed: this.#flushed });
  }

  #complete(request: string): void {
    if (this.#reads.delete(request)) return;
    const written = this.#writes.get(request);
    this.#writes.delete(request);
    this.#flushed = written === undefined;
    this.sectors += written ?? 0;
  }
}

/**
 * Where the machine stopped, of the disk that wrote `sectors` in all.
 *
 * @returns undefined when the trace has no such disk
 */
export async function readMachineStops(
  path: string,
  { sectors }: { readonly sectors: number },
): Promise<readonly MachineStop[] | undefined> {
  const disks = new Map<string, DiskTrace>();
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  let stopped = 0;
  for await (const line of lines) {
    if (line.includes('vm_stop_flush_all')) {
      stopped += 1;
      for (const disk of disks.values()) disk.stop();
      continue;
    }
    const [, name = '', device = '', request = '', count = '0'] =
      /(virtio_blk_\w+) vdev (\S+) req (\S+)(?: sector \d+ nsectors (\d+))?/.exec(line) ?? [];
    if (name === '') continue;
    let disk = disks.get(device);
    if (!disk) {
      disk = new DiskTrace();
      for (let before = 0; before < stopped; before += 1) disk.stop();
      disks.set(device, disk);
    }
    disk.event(name, request, Number(count));
  }
  return [...disks.values()].find((disk) => disk.sectors === sectors)?.stops;
}

/**
 * Turns the flushes that QEMU made by itself into marks, which mean nothing. Without `stops` (a disk whose requests cannot be traced) that is
 * what stands at the end of the file: every process ends with one. Too few flushes only give more states.
 */
export function withoutOwnFlushes(
  entries: readonly LogEntry[],
  stops: readonly MachineStop[] | undefined,
): LogEntry[] {
  const lastChange = entries.findLastIndex(({ kind }) => kind === 'write' || kind === 'discard');
  const own = new Set((stops ?? []).filter(({ flushed }) => !flushed).map(({ sectors }) => sectors));
  let sectors = 0;
  return entries.map((entry, index) => {
    if (entry.kind === 'write') sectors += entry.sectors;
    if (entry.kind !== 'flush') return entry;
    const isOwn = stops ? own.has(sectors) : index > lastChange;
    return isOwn ? { ...entry, kind: 'mark', flush: false } : entry;
  });
}
