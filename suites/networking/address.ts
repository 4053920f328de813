import type { AddTest, TestContext } from '../../rig/mod.js';
import { cutLink, restoreLink } from '../board/cable.js';
import { isReachable, readStatus, requireUplink } from '../board/status.js';
import { isLeased } from '../facts/leases.js';
import { sameNetwork } from '../facts/network.js';
import { processesCommand } from '../facts/processes.js';
import { quoted } from '../facts/sections.js';
import { askNameServer, hostNameServerAnswers } from './dns.js';

export function addressTests(test: AddTest): void {
  test('has a default route through the network of its address', {
    tier: 'smoke',
  }, async (t: TestContext) => {
    const status = await t.step('Read routes and addresses', () => readStatus(t.board));
    const { route, own } = requireUplink(t, status);
    t.ok(
      own.some(({ address, prefixBits }) => sameNetwork(address, route.gateway, prefixBits)),
      `the gateway ${route.gateway} lies in the network of ${own.map(({ address, prefixBits }) => `${address}/${prefixBits}`).join(', ')}`,
    );
    const { network } = t.board.type.inventory;
    if (network)
      t.ok(network.includes(route.interface), `${route.interface} is one of ${network.join(', ')}`);
  });

  test('takes its address by DHCP', {
    needs: ['link'],
    deadlineMs: 120_000,
  }, async (t: TestContext) => {
    const before = await t.step('Read the address', () => readStatus(t.board));
    const { route, own } = requireUplink(t, before);
    await t.step('Take the address away', async () => {
      // In the background and a moment later: the answer still has to come back over that address.
      const flush = `sleep 1; ip addr flush dev ${quoted(route.interface)}`;
      await t.board.shell.text(`( ${flush} ) </dev/null >/dev/null 2>&1 &`);
      await t.eventually(
        'The board cannot be reached without its address',
        async () => !(await isReachable(t.board, { timeoutMs: 2_000 })),
      );
    });
    await t.step('Unplug the cable and plug it in again', async () => {
      await cutLink(t, t.board);
      await restoreLink(t, t.board);
    });
    const after = await t.step('Read the address again', () => readStatus(t.board));
    const back = requireUplink(t, after);
    const shown = (addresses: typeof own) => addresses.map(({ address }) => address).sort();
    t.same(shown(back.own), shown(own), 'it has the same address again');
    t.equal(back.route.gateway, route.gateway, 'and the same gateway');
    const processes = await t.step('Look for the lease', () => t.board.shell.text(processesCommand));
    t.ok(isLeased(back.own, processes), 'the address has an end, or a DHCP client keeps it');
  });

  test('name servers answer', { tier: 'smoke' }, async (t: TestContext) => {
    const { nameservers } = await t.step('Read the configuration of the resolver', () => readStatus(t.board));
    t.require(nameservers.length > 0, 'the resolver has a name server');
    const answer = await t.step('Ask for a name that cannot exist', () => askNameServer(t));
    if (!answer.wasAnswered && !(await hostNameServerAnswers(t)))
      t.skip('no name server answers this host either, so none can answer the board');
    t.ok(answer.wasAnswered, `a name server answers: ${answer.said}`);
  });
}
