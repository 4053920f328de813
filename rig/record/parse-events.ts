import { RigError } from '../contracts/errors.js';
import { eventVersion, type RigEvent } from '../contracts/events.js';

export interface ParsedEvents {
  readonly events: readonly RigEvent[];
  /** The last line was cut short, as a SIGKILL or a full disk leaves it. */
  readonly cutShort: boolean;
}

/**
 * Reads the lines of an event log. Lines end in LF alone: JSON leaves U+2028 as it is, so no line reader of Unicode's
 * may touch them.
 *
 * @throws RigError `record.newer-format`, `record.corrupt`, `record.not-a-run`
 */
export function parseEvents(bytes: Buffer, file: string): ParsedEvents {
  const events: RigEvent[] = [];
  for (let start = 0, line = 1; start < bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const event = parseLine(bytes.toString('utf8', start, end));
    if (event === undefined) {
      // Only the tail may be broken; what follows a broken line in the middle cannot be trusted.
      if (bytes.subarray(end + 1).some((byte) => byte !== 0 && byte !== 0x0a)) throw corrupt(file, line);
      return { events, cutShort: true };
    }
    checkVersion(event, { file, line });
    if (event.seq !== events.length) throw corrupt(file, line);
    events.push(event);
    start = end + 1;
  }
  return { events, cutShort: false };
}

function parseLine(text: string): RigEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEvent(value: unknown): value is RigEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { v, seq, t, wall, type } = value as Record<string, unknown>;
  return [v, seq, t].every(Number.isFinite) && typeof wall === 'string' && typeof type === 'string';
}

function checkVersion(event: RigEvent, place: { file: string; line: number }): void {
  if (event.v <= eventVersion) return;
  throw new RigError(
    `Cannot read the run of ${place.file}: its events have version ${event.v}, this rig reads up to ${eventVersion}`,
    {
      code: 'record.newer-format',
      blame: 'config',
      hint: 'Read it with the boardrig that wrote it, or a newer one.',
      place,
    },
  );
}

export function corrupt(file: string, line: number): RigError {
  return new RigError(
    `Cannot read the run: line ${line} of ${file} is no event, or one is missing before it`,
    {
      code: 'record.corrupt',
      blame: 'config',
      hint: 'The log is append-only; something else has written into it. Restore the folder from where it came.',
      place: { file, line },
    },
  );
}
