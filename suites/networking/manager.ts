import type { AddTest, TestContext } from '../../rig/mod.js';
import { writeBootFile } from '../board/config-json.js';
import { answerMs } from '../board/pages.js';
import { promised } from '../board/promised.js';
import { readStatus } from '../board/status.js';
import { parseAddresses } from '../facts/network.js';
import { ask, quoted } from '../facts/sections.js';
import { isNameServerAnswer } from './dns.js';

/** Of the block for documentation (RFC 5737). */
const address = '192.0.2.99';
const link = 'rig0';

const connection = `[connection]
id=rig-test
uuid=7f3ac1de-6a44-4f0e-8e55-0a2f2a7f2d10
type=dummy
interface-name=${link}
autoconnect=true

[ipv4]
method=manual
address1=${address}/24

[ipv6]
method=disabled
`;

export function managerTests(test: AddTest): void {
  test('takes up the connections of the boot partition', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const { connections } = await promised(t, 'networkManager');
    const file = `${t.board.profile.mounts.boot}/${connections}/rig-test.nmconnection`;
    const addresses = async () => {
      const own = parseAddresses(await t.board.shell.text('ip -4 addr'));
      return own.filter((one) => one.interface === link).map((one) => one.address);
    };
    t.same(await addresses(), [], `there is no ${link} before`);
    await t.step('Write a connection', () => writeBootFile(t.board, file, connection));
    await t.step('Reboot', () => t.board.reboot());
    const found = await t.step('Look for its interface', () =>
      t.eventually(`${link} has an address`, async () => {
        const own = await addresses();
        return own.length > 0 && own;
      }),
    );
    t.same(found, [address], 'with the address that the connection gives it');
  });

  test('resolves names by a resolver of its own', async (t: TestContext) => {
    const resolver = await promised(t, 'resolver');
    const { nameservers } = await t.step('Read the configuration', () => readStatus(t.board));
    t.same(nameservers, [resolver.address], 'programs ask this one');
    const { answer } = await t.step('Ask it for what it knows without asking further', () =>
      ask(t.board.shell, { answer: `nslookup localhost ${resolver.address}` }),
    );
    t.ok(isNameServerAnswer(answer.text), 'it answers');
  });

  test('HTTP goes out through each interface', { dirties: 'memory' }, async (t: TestContext) => {
    await promised(t, 'networkManager');
    const { addresses } = await readStatus(t.board);
    const names = (t.board.type.inventory.network ?? []).filter((name) =>
      addresses.some((one) => one.interface === name && one.scope === 'global'),
    );
    t.same(names, t.board.type.inventory.network ?? [], 'every interface of the board has an address');
    t.require(names.length > 0, 'the board type names an interface');
    const server = await t.host.serveHttp('through');
    const host = await t.board.hostAddress();
    for (const name of names)
      await t.step(`Fetch through ${name}`, async () => {
        const url = quoted(`http://${host}:${server.port}/${name}`);
        // A route of its own for the rig: the kernel has no other way to it then (ip-route(8)).
        const stdout = await t.board.shell.text(
          `ip route replace ${host}/32 dev ${name} && wget -q -O - ${url}; code=$?; ip route del ${host}/32 dev ${name}; exit $code`,
          { timeoutMs: answerMs },
        );
        t.equal(stdout, 'through', `${name} leads to the rig`);
      });
    t.same(
      server.requests.map(({ path }) => path),
      names.map((name) => `/${name}`),
      'each came once',
    );
  });
}
