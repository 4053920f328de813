import { appendFile, mkdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Image } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { LogFiles } from '../../contracts/powercut.js';
import type { Bundle } from '../../contracts/update.js';
import type { MadeTrial } from '../../core/powercut/judge/explore.js';
import type { Keepsakes } from '../../core/powercut/judge/keepsakes.js';
import type { SizedFile } from '../../core/powercut/record/record.js';
import { fileFacts } from '../../core/update/file-facts.js';
import type { Given, OperationName, PowercutRequest } from './request.js';

/** What a folder holds of one recorded operation: enough to explore it again, elsewhere in time. */
export interface RecordedOperation {
  readonly format: 'boardrig-powercut-operation/1';
  readonly board: { readonly name: string; readonly type: string };
  readonly operation: OperationName;
  readonly command?: string;
  readonly newVersion?: string;
  readonly image: Image;
  readonly update?: Bundle;
  readonly base: SizedFile;
  readonly log: LogFiles;
  readonly keepsakes: Keepsakes;
  /** Of the states and of all that is sampled. */
  readonly model: PowercutRequest['model'];
  readonly seed: number;
  /** Spent on it before this exploration, on the wall. */
  readonly seconds: number;
}

const operationFile = 'operation.json';
const trialsFile = 'trials.ndjson';

export async function makeFolder(folder: string): Promise<void> {
  await mkdir(join(folder, 'console'), { recursive: true });
}

export async function writeOperation(folder: string, recorded: RecordedOperation): Promise<void> {
  const inside = (path: string): string => relative(folder, path);
  const portable: RecordedOperation = {
    ...recorded,
    base: { ...recorded.base, path: inside(recorded.base.path) },
    log: { ...recorded.log, files: recorded.log.files.map(inside) },
  };
  const path = join(folder, operationFile);
  await writeFile(`${path}.part`, `${JSON.stringify(portable, null, 1)}\n`);
  await rename(`${path}.part`, path);
}

/** @throws RigError `powercut.nothing-recorded` (blame: config) */
export async function readOperation(folder: string): Promise<RecordedOperation> {
  const found = await readFile(join(folder, operationFile), 'utf8').then(parse, () => undefined);
  if (!found) {
    throw new RigError(`There is no recorded operation in ${folder}`, {
      code: 'powercut.nothing-recorded',
      blame: 'config',
      hint: 'Give --resume the folder of an exploration that got beyond its recording.',
    });
  }
  const here = (path: string): string => (isAbsolute(path) ? path : resolve(folder, path));
  return {
    ...found,
    base: { ...found.base, path: here(found.base.path) },
    log: { ...found.log, files: found.log.files.map(here) },
  };
}

/** The states lie on the base: over another one they would be others, under the same names. @throws RigError `powercut.other-base` */
export async function assertSameBase({ base }: RecordedOperation, options: Cancellable): Promise<void> {
  const { sha256, sizeBytes } = await fileFacts(base.path, options);
  if (sha256 === base.sha256 && sizeBytes === base.sizeBytes) return;
  throw new RigError(`${base.path} has changed since the operation was recorded`, {
    code: 'powercut.other-base',
    blame: 'config',
    hint: 'Record the operation again: what was explored over the old one says nothing of this one.',
  });
}

/**
 * What is asked for with `--resume` must be what was recorded: the boots that were made would be taken for those of other states.
 *
 * @throws RigError `powercut.other-request` (blame: config)
 */
export function assertSameRequest(recorded: RecordedOperation, { given, folder }: PowercutRequest): void {
  const { operation, command, newVersion, model, seed } = recorded;
  const was: Given = {
    ...{ operation, model, seed: String(seed) },
    ...(command === undefined ? {} : { command }),
    ...(newVersion === undefined ? {} : { newVersion }),
  };
  const others = Object.entries(given).filter(([name, value]) => {
    return name === 'seed' ? Number(value) !== seed : was[name as keyof Given] !== value;
  });
  if (others.length === 0) return;
  const told = others.map(([name, value]) => {
    const recordedAs = was[name as keyof Given];
    return `${optionOf(name)} ${value}${recordedAs === undefined ? '' : ` (recorded: ${recordedAs})`}`;
  });
  throw new RigError(`What was recorded in ${folder} is not what was asked for: ${told.join(', ')}`, {
    code: 'powercut.other-request',
    blame: 'config',
    hint: 'Leave these options out with --resume, or record anew without it.',
  });
}

function optionOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function parse(text: string): RecordedOperation | undefined {
  try {
    const value = JSON.parse(text) as RecordedOperation;
    return value.format === 'boardrig-powercut-operation/1' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a boot at once: an end at any time loses none that was made. */
export async function keepTrial(folder: string, made: MadeTrial): Promise<void> {
  const line = JSON.stringify({ ...made, trial: { ...made.trial, read: [...made.trial.read] } });
  await appendFile(join(folder, trialsFile), `${line}\n`);
}

/** The boots that were kept; a last line that was cut short is none, and is taken away, or the next one would go on in it. */
export async function keptTrials(folder: string): Promise<MadeTrial[]> {
  const path = join(folder, trialsFile);
  const text = await readFile(path, 'utf8').catch(() => '');
  const whole = Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1));
  if (whole < Buffer.byteLength(text)) await truncate(path, whole);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const made = JSON.parse(line) as MadeTrial;
      return { ...made, trial: { ...made.trial, read: Float64Array.from(made.trial.read) } } as MadeTrial;
    });
}
