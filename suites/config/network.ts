import type { AddTest, TestContext } from '../../rig/mod.js';
import { configure } from '../board/config-json.js';
import { promised } from '../board/promised.js';
import { ask } from '../facts/sections.js';
import { nameServer } from '../servers/dns.js';

/** Of the block for documentation (RFC 5737): no name in the world has it. */
const address = '192.0.2.77';
/** What NetworkManager takes for a working connection unless it is told otherwise (NetworkManager.conf(5), response). */
const online = 'NetworkManager is online';
const queryMs = 30_000;

export function networkTests(test: AddTest): void {
  test('asks the name servers of config.json', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'resolver');
    const name = `rig-${t.random.uuid()}.example`;
    const server = await t.host.serveUdp(nameServer(name, address));
    const ask = () => t.board.shell.run(`nslookup ${name}`, { timeoutMs: queryMs });
    const before = await t.step('Ask for a name that only the rig knows', ask);
    t.notMatch(before.stdout, address, 'the board does not know it');
    t.equal(server.received, 0, 'and does not ask the rig');
    await configure(t, { dnsServers: `${await t.board.hostAddress()}#${server.port}` });
    const after = await t.step('Ask again', ask);
    t.match(after.stdout, address, 'the board knows the address');
    t.ok(server.received > 0, 'because it asked the rig');
  });

  test('checks its connection with the server of config.json', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'networkManager');
    const page = await t.host.serveHttp(`${online}\n`);
    const wrong = await t.host.serveHttp('please log in');
    const path = `/${t.random.uuid()}`;
    const host = await t.board.hostAddress();
    const use = (port: number) =>
      configure(t, { os: { network: { connectivity: { uri: `http://${host}:${port}${path}` } } } });
    const becomes = (wanted: string) =>
      t.eventually(
        `The connection is ${wanted}`,
        async () => {
          const { stdout } = await t.board.shell.run('nmcli networking connectivity check', {
            timeoutMs: queryMs,
          });
          return stdout.trim() === wanted;
        },
        { everyMs: 1_000 },
      );
    await use(wrong.port);
    t.ok(
      await t.step('Check it with a page that says otherwise', () => becomes('portal')),
      'somebody else answers',
    );
    t.same(
      [...new Set(wrong.requests.map((request) => request.path))],
      [path],
      'the board asked for the page that config.json names',
    );
    await use(page.port);
    t.ok(await t.step('Check it with the right page', () => becomes('full')), 'the connection is good');
    t.ok(page.requests.length > 0, 'the board asked for this one too');
  });

  test('randomises the address of wifi scans only where config.json says so', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'networkManager');
    await promised(t, 'wifi');
    const setting = async () => {
      const { config } = await ask(t.board.shell, { config: 'NetworkManager --print-config' });
      t.require(
        config.exitCode === 0 && config.text.includes('[main]'),
        'NetworkManager tells its configuration',
      );
      return /^wifi\.scan-rand-mac-address=(\S+)$/m.exec(config.text)?.[1];
    };
    const isOn = (value: string | undefined) => ['yes', 'true', '1'].includes(value ?? 'yes');
    t.notOk(isOn(await t.step('Read the setting', setting)), 'it is off by default');
    await configure(t, { os: { network: { wifi: { randomMacAddressScan: true } } } });
    t.ok(isOn(await t.step('Read it again', setting)), 'it is on');
  });
}
