import { createHash } from 'node:crypto';

export const eventsFile = 'events.ndjson';
/** Which process writes the run, so that retention can tell a run in progress from one that was killed. */
export const ownerFile = 'owner.json';

/** `20260310T081502Z-4fk2q9`: UTC start time and a short id. Retention touches no other name. */
export const runNamePattern = /^\d{8}T\d{6}Z-[0-9a-z]{6}$/;

export function runName(startedAt: Date, id: string): string {
  return `${startedAt.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${id}`;
}

/** Relative to the run folder. A board's name comes from a lab file and may hold anything. */
export function consoleFile(board: string): string {
  return `console/${encodeURIComponent(board)}.raw`;
}

/** Relative to the run folder: a command's output that is too long for the event log. `seq` is the event's. */
export function outputFile(seq: number): string {
  return `output/${seq}.json`;
}

/** Relative to the run folder; readable, and different for every test id and attempt. */
export function evidenceFolder({ id, attempt }: { id: string; attempt: number }): string {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 8);
  return `evidence/${slug(id, 60)}-${hash}-${attempt}`;
}

/** A board that was kept as it stood: when its test had failed, or where a step of it began. */
export interface FrozenAt {
  readonly board: string;
  readonly at: 'failure' | { readonly step: number };
}

/** Relative to the run folder. */
export function frozenFolder(place: { id: string; attempt: number }, { board, at }: FrozenAt): string {
  const when = at === 'failure' ? 'frozen' : `steps/${at.step}`;
  return `${evidenceFolder(place)}/${when}/${encodeURIComponent(board)}`;
}

/** What a piece of evidence is that lies in such a folder; undefined for any other. */
export function parseFrozenFolder(file: string): FrozenAt | undefined {
  const [, when, step, name = ''] = /^evidence\/[^/]+\/(frozen|steps\/(\d{1,9}))\/([^/]+)$/.exec(file) ?? [];
  if (when === undefined) return undefined;
  try {
    return { board: decodeURIComponent(name), at: step === undefined ? 'failure' : { step: Number(step) } };
  } catch {
    return undefined;
  }
}

/** Relative to the run folder: what the board was, so that it can be brought back to life. */
export function definitionFile(board: string): string {
  return `boards/${encodeURIComponent(board)}.json`;
}

/** What a browser may open beside the report without running it. */
const harmless = /\.(txt|log|json|img|raw|bin|png|gz|zst)$/;

/** Names of evidence may come from a board's medium: no path, and never a type that a browser runs. */
export function evidenceName(name: string): string {
  const safe = slug(name, 80);
  return harmless.test(safe) ? safe : `${safe}.txt`;
}

function slug(text: string, maxLength: number): string {
  const safe = text.replaceAll(/[^A-Za-z0-9._~-]+/g, '-').replaceAll(/^[-.]+|-+$/g, '');
  return safe.slice(0, maxLength) || 'unnamed';
}
