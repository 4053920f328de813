import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Json } from '../contracts/errors.js';
import type { EventBody } from '../contracts/events.js';
import { outputFile } from './layout.js';

type ShellEvent = Extract<EventBody, { type: 'shell' }>;
type ObservationEvent = Extract<EventBody, { type: 'observation' }>;

/** More than this would make the event log unreadable for people, and slow for everybody. */
const inlineBytes = 64 * 1024;

/** A command's output, as much of it as there was. */
export interface ShellOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** `body`, with what is long in it moved to a file of its own. Written on the spot, so that no event points at nothing. */
export function keepOutput(
  body: EventBody,
  place: { readonly dir: string; readonly seq: number },
): EventBody {
  switch (body.type) {
    case 'shell': {
      const { stdout = '', stderr = '', ...rest } = body;
      const bytes = Buffer.byteLength(stdout) + Buffer.byteLength(stderr);
      return bytes <= inlineBytes ? body : { ...rest, outputFile: keep({ stdout, stderr }, place) };
    }
    case 'observation': {
      const { value, ...rest } = body;
      if (value === undefined || Buffer.byteLength(JSON.stringify(value)) <= inlineBytes) return body;
      return { ...rest, outputFile: keep({ value }, place) };
    }
    default:
      return body;
  }
}

/** @returns undefined where the run did not record it, or its file is gone */
export function readOutput(event: ShellEvent, dir: string): ShellOutput | undefined {
  const { stdout, stderr = '', outputFile: file } = event;
  if (stdout !== undefined) return { stdout, stderr };
  const kept = read<ShellOutput>(file, dir);
  return typeof kept?.stdout === 'string'
    ? { stdout: kept.stdout, stderr: String(kept.stderr ?? '') }
    : undefined;
}

/** @returns undefined where its file is gone; without a `value` when none was seen */
export function readValue(event: ObservationEvent, dir: string): { readonly value?: Json } | undefined {
  const { value, outputFile: file } = event;
  if (file === undefined) return value === undefined ? {} : { value };
  return read<{ value: Json }>(file, dir);
}

/** @returns the file's name, relative to the run folder */
function keep(output: object, { dir, seq }: { readonly dir: string; readonly seq: number }): string {
  const file = outputFile(seq);
  const path = join(dir, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(output), { mode: 0o644 });
  return file;
}

function read<T extends object>(file: string | undefined, dir: string): Partial<T> | undefined {
  // Only ever a name of ours: an event log may come from anywhere.
  if (file === undefined || !/^output\/\d+\.json$/.test(file)) return undefined;
  try {
    const kept: unknown = JSON.parse(readFileSync(join(dir, file), 'utf8'));
    return typeof kept === 'object' && kept !== null ? kept : undefined;
  } catch {
    return undefined;
  }
}
