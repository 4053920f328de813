import type { Board, TestContext } from '../../rig/mod.js';
import { mountAt, mountsCommand, parseMounts } from '../facts/mounts.js';
import { ask, quoted } from '../facts/sections.js';
import { unreadable } from '../facts/unreadable.js';
import { promisedOrNot } from './promised.js';

type Config = Readonly<Record<string, unknown>>;

/** Starting services anew takes an emulated board its time. */
const applyMs = 60_000;

/** Merges `change` into the board's configuration, objects key by key, and keeps the rest. Nothing takes effect yet. */
export async function changeConfig(board: Board, change: Config): Promise<void> {
  const text = await board.shell.text(`cat ${quoted(fileOf(board))}`);
  await writeBootFile(board, fileOf(board), `${JSON.stringify(merged(parseObject(text), change))}\n`);
}

/** Changes the configuration and makes it hold: on the running system where the product can, else by a reboot. */
export async function configure(t: TestContext, change: Config): Promise<void> {
  const live = await promisedOrNot(t, 'liveConfig');
  const names = Object.keys(change).join(', ');
  await t.step(`Write ${names} to the configuration`, () => changeConfig(t.board, change));
  if (live)
    await t.step('Apply it', () => t.board.shell.text(live.command, { timeoutMs: applyMs }).then(() => {}));
  else await t.step('Reboot', () => t.board.reboot());
}

/** Writes a file of the boot partition, which is made writable only for the moment. */
export async function writeBootFile(board: Board, file: string, content: string): Promise<void> {
  const word = quoted(file);
  await onBootPartition(board, `mkdir -p "$(dirname ${word})" && printf '%s' ${quoted(content)} >${word}`);
}

/** Runs a command while the boot partition can be written to, and syncs. */
export async function onBootPartition(board: Board, command: string): Promise<void> {
  const { boot } = board.profile.mounts;
  const answer = await ask(board.shell, { mounts: mountsCommand });
  const isReadOnly = mountAt(parseMounts(answer.mounts.text), boot)?.readOnly ?? false;
  const remount = (how: string) => `mount -o remount,${how} ${quoted(boot)}`;
  const write = `{ ${command}; } && sync`;
  await board.shell.text(isReadOnly ? `${remount('rw')} && ${write} && ${remount('ro')}` : write);
}

export function fileOf({ profile }: Board): string {
  return `${profile.mounts.boot}/${profile.config?.file ?? 'config.json'}`;
}

function merged(old: Config, change: Config): Config {
  const result: Record<string, unknown> = { ...old };
  for (const [key, value] of Object.entries(change)) {
    const before = result[key];
    result[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(text: string): Config {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unreadable('the configuration', text, 'it is no JSON object');
}
