import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { type MediumModel, mediumModels } from '../../contracts/powercut.js';
import { runName } from '../../record/layout.js';
import type { CommandInput, CommandIo } from '../command.js';
import { OptionReader } from '../read-options.js';

const read = new OptionReader('rig powercut');

export const operationNames = ['update', 'first-boot', 'config', 'flash', 'command'] as const;
export type OperationName = (typeof operationNames)[number];

/** What `rig powercut BOARD` was asked for; nothing has been started. */
export interface PowercutRequest {
  readonly board: string;
  readonly operation: OperationName;
  /** Image before the operation; absent: the board's reference image. */
  readonly from: string | undefined;
  /** The update; absent: the next version of the image. */
  readonly update: string | undefined;
  readonly command: string | undefined;
  /** Version that the system has after `update` or `command`. */
  readonly newVersion: string | undefined;
  readonly model: MediumModel;
  readonly seed: number;
  readonly budgetMs: number | undefined;
  readonly jobs: number;
  /** Where everything is kept; with `resume` it is there already. */
  readonly folder: string;
  readonly resume: boolean;
  /** What was said of the operation and its states; the rest is by default. */
  readonly given: Given;
  readonly junit: string | undefined;
  /** Cuts on the board itself, instead of states of its medium: how many. */
  readonly cuts: number | undefined;
  /** Folder of an exploration of a virtual board, whose dangerous writes tell when to cut. */
  readonly guide: string | undefined;
  readonly json: boolean;
  readonly wait: boolean;
}

/** Options that say what a recording holds already. */
const givenNames = ['operation', 'from', 'update', 'command', 'newVersion', 'model', 'seed'] as const;
export type Given = Readonly<Partial<Record<(typeof givenNames)[number], string>>>;

/** @throws RigError `cli.bad-option` */
export function readRequest({ args, options }: CommandInput, io: CommandIo): PowercutRequest {
  const text = (name: string): string | undefined => options[name] as string | undefined;
  const file = (name: string): string | undefined => {
    const given = text(name);
    return given === undefined ? undefined : resolve(io.cwd, given);
  };
  const command = text('command');
  const operation = text('operation') ?? (command === undefined ? 'update' : 'command');
  if (!isOneOf(operationNames, operation))
    throw read.bad(`--operation is one of ${operationNames.join(', ')}, not "${operation}"`);
  if ((operation === 'command') !== (command !== undefined))
    throw read.bad('--command gives the command of --operation command, and goes with no other');
  if (operation !== 'update' && text('update') !== undefined)
    throw read.bad(`--update goes with --operation update, not with ${operation}`);
  const model = text('model') ?? 'write-back';
  if (!isOneOf(mediumModels, model))
    throw read.bad(`--model is one of ${mediumModels.join(', ')}, not "${model}"`);
  const budget = text('budget');
  const physical = options.physical === true || text('cuts') !== undefined || text('guide') !== undefined;
  const resumed = file('resume');
  const id = Math.floor(Math.random() * 36 ** 6)
    .toString(36)
    .padStart(6, '0');
  return {
    board: String(args[0]),
    operation,
    from: text('from'),
    update: file('update'),
    command,
    newVersion: text('newVersion'),
    model,
    seed: read.wholeNumber(text('seed'), { name: '--seed', least: 0 }) ?? Math.floor(Math.random() * 2 ** 31),
    budgetMs: budget === undefined ? undefined : read.time(budget, { name: '--budget' }),
    jobs: read.wholeNumber(text('jobs'), { name: '--jobs', least: 1 }) ?? availableParallelism(),
    folder: resumed ?? file('report') ?? join(io.cwd, 'runs', `powercut-${runName(new Date(), id)}`),
    resume: resumed !== undefined,
    given: Object.fromEntries(
      givenNames.flatMap((name) => {
        const value = text(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
    junit: file('junit'),
    cuts: physical ? (read.wholeNumber(text('cuts'), { name: '--cuts', least: 1 }) ?? 20) : undefined,
    guide: file('guide'),
    json: options.json === true,
    wait: options.wait === true,
  };
}

function isOneOf<T extends string>(all: readonly T[], value: string): value is T {
  return all.some((each) => each === value);
}
