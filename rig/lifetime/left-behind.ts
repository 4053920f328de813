import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../contracts/errors.js';

/** What a device is left as when the process that drives it is killed. Holds no option of the lab file: those may be secret. */
export interface LeftBehind {
  /** `power`, `mux`. */
  readonly what: string;
  /** Words for the device, the same for every session that drives it. */
  readonly device: string;
  readonly state: Json;
}

const folderName = 'left-behind';

/**
 * The journal of one device of a board: what it must be put back from if this process dies. One file in the board's
 * `stateDir`, replaced as a whole, on the disk before the device is touched.
 */
export class LeftBehindFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #what: string;
  readonly #device: string;

  constructor(stateDir: string, { what, device }: { what: string; device: string }) {
    this.#folder = join(stateDir, folderName);
    // A board that was rewired has another device: what the old one was left as must not be taken for the new one's.
    this.#path = join(
      this.#folder,
      `${what}-${createHash('sha256').update(device).digest('hex').slice(0, 12)}.json`,
    );
    this.#what = what;
    this.#device = device;
  }

  /** Undefined when nothing was left; a file that cannot be read counts as that. */
  async read(): Promise<Json | undefined> {
    return parse(await readFile(this.#path, 'utf8').catch(() => ''))?.state;
  }

  async write(state: Json): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.${process.pid}`;
    const left: LeftBehind = { what: this.#what, device: this.#device, state };
    {
      await using file = await open(draft, 'w', 0o600);
      await file.writeFile(`${JSON.stringify(left)}\n`);
      await file.sync();
    }
    await rename(draft, this.#path);
  }

  async clear(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** Everything that is noted in `stateDir`, of whatever device. */
export function readLeftBehind(stateDir: string): LeftBehind[] {
  const folder = join(stateDir, folderName);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => parse(readFileSync(join(folder, name), 'utf8')) ?? []);
}

function parse(text: string): LeftBehind | undefined {
  try {
    const value = JSON.parse(text) as LeftBehind;
    return typeof value.what === 'string' && typeof value.device === 'string' && value.state !== undefined
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}
