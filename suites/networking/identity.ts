import type { AddTest, Board, TestContext } from '../../rig/mod.js';
import { fetchPage } from '../board/pages.js';
import { readStatus, requireUplink } from '../board/status.js';
import { ask, quoted } from '../facts/sections.js';

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
