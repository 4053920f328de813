import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RigEvent } from '../../rig/contracts/events.js';
import { eventsFile } from '../../rig/record/layout.js';

/** The events of a run that is over. */
export async function readEvents(runFolder: string): Promise<RigEvent[]> {
  const text = await readFile(join(runFolder, eventsFile), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RigEvent);
}
