import type { AddTest, Board, TestContext } from '../../rig/mod.js';
import { mountAt, mountsCommand, parseMounts } from '../facts/mounts.js';
import { ask, quoted } from '../facts/sections.js';
import { unreadable } from '../facts/unreadable.js';

export function hostnameTests(test: AddTest): void {
  test('takes its host name from config.json', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const before = await readHostname(t.board);
    const name = `rig-${t.random.uuid().slice(0, 8)}`;
    await t.step(`Write the host name ${name} to config.json`, () => setHostname(t.board, name));
    await t.step('Reboot', () => t.board.reboot());
    const after = await t.step('Read the host name', () => readHostname(t.board));
    t.not(before, name, 'the board was not called so before');
    t.equal(after, name, 'the board is called as config.json says');
  });
}

function readHostname(board: Board): Promise<string> {
  return board.shell.text('cat /proc/sys/kernel/hostname');
}

/** Changes one key and keeps the others; the boot partition is made writable only for the moment. */
async function setHostname(board: Board, hostname: string): Promise<void> {
  const { boot } = board.profile.mounts;
  const file = quoted(`${boot}/config.json`);
  const answer = await ask(board.shell, { config: `cat ${file}`, mounts: mountsCommand });
  const config = { ...parseObject(answer.config.text), hostname };
  const write = `printf '%s\\n' ${quoted(JSON.stringify(config))} >${file} && sync`;
  const isReadOnly = mountAt(parseMounts(answer.mounts.text), boot)?.readOnly ?? false;
  const remount = (how: string) => `mount -o remount,${how} ${quoted(boot)}`;
  await board.shell.text(isReadOnly ? `${remount('rw')} && ${write} && ${remount('ro')}` : write);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unreadable('config.json', text, 'it is no JSON object');
}
