import type { AddTest, Board, TestContext } from '../../rig/mod.js';
import { mountAt, mountsCommand, parseMounts } from '../facts/mounts.js';
import { ask, quoted } from '../facts/sections.js';
import { unreadable } from '../facts/unreadable.js';
import { readStatus, requireUplink } from './status.js';
import { fetchPage } from './traffic.js';

export function identityTests(test: AddTest): void {
  test('two boards at once have different identities', {
    tier: 'smoke',
    boards: 2,
    deadlineMs: 120_000,
  }, async (t: TestContext) => {
    const [one, other] = await t.step('Ask both who they are', () =>
      Promise.all([readIdentity(t, t.boards[0]), readIdentity(t, t.boards[1])]),
    );
    t.match(one.machineId, /^[0-9a-f]{32}$/, 'the machine id has the form of machine-id(5)');
    t.match(one.mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'the network address has its form');
    t.not(one.machineId, other.machineId, 'the machine ids differ');
    t.not(one.mac, other.mac, 'the network addresses (MAC) differ');
    t.not(one.bootId, other.bootId, 'the boot ids differ');
    const { httpPort } = t.board.profile;
    if (httpPort === undefined) return;
    const pages = await t.step('Fetch the page of each', () =>
      Promise.all(t.boards.map((board) => fetchPage(t, board, httpPort))),
    );
    t.same(
      pages.map(({ status }) => status),
      [200, 200],
      'both answer at the same time',
    );
  });

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

interface Identity {
  readonly machineId: string;
  readonly mac: string;
  readonly bootId: string;
}

async function readIdentity(t: TestContext, board: Board | undefined): Promise<Identity> {
  t.require(board, 'there are two boards');
  const { route } = requireUplink(t, await readStatus(board));
  const answer = await ask(board.shell, {
    machineId: 'cat /etc/machine-id',
    mac: `cat ${quoted(`/sys/class/net/${route.interface}/address`)}`,
    bootId: 'cat /proc/sys/kernel/random/boot_id',
  });
  return { machineId: answer.machineId.text, mac: answer.mac.text, bootId: answer.bootId.text };
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
