import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EventBody } from '../contracts/events.js';
import { outputFile } from './layout.js';

type ShellEvent = Extract<EventBody, { type: 'shell' }>;

/** More than this would make the event log unreadable for people, and slow for everybody. */
const inlineBytes = 64 * 1024;

/** A command's output, as much of it as there was. */
export interface ShellOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** `body`, with a long output moved to a file of its own. Written on the spot, so that no event points at nothing. */
export function keepOutput(
  body: EventBody,
  place: { readonly dir: string; readonly seq: number },
): EventBody {
  if (body.type !== 'shell') return body;
  const { stdout = '', stderr = '', ...rest } = body;
  if (Buffer.byteLength(stdout) + Buffer.byteLength(stderr) <= inlineBytes) return body;
  const file = outputFile(place.seq);
  const path = join(place.dir, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ stdout, stderr }), { mode: 0o644 });
  return { ...rest, outputFile: file };
}

/** @returns undefined where the run did not record it, or its file is gone */
export function readOutput(event: ShellEvent, dir: string): ShellOutput | undefined {
  const { stdout, stderr = '', outputFile: file } = event;
  if (stdout !== undefined) return { stdout, stderr };
  // Only ever a name of ours: an event log may come from anywhere.
  if (file === undefined || !/^output\/\d+\.json$/.test(file)) return undefined;
  try {
    const kept = JSON.parse(readFileSync(join(dir, file), 'utf8')) as Partial<ShellOutput>;
    return typeof kept.stdout === 'string'
      ? { stdout: kept.stdout, stderr: String(kept.stderr ?? '') }
      : undefined;
  } catch {
    return undefined;
  }
}
