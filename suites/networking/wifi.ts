import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { readStatus, requireUplink } from '../board/status.js';
import { parseAddresses } from '../facts/network.js';

const joinMs = 120_000;
/** The network that NetworkManager shares with who joins (NetworkManager's own choice, nm-device.c: reserve_shared_ip). */
const shared = /^10\.42\.\d+\.\d+$/;

export function wifiTests(test: AddTest): void {
  test('joins an access point, and is one', {
    dirties: 'memory',
    tier: 'nightly',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'wifi');
    const uplink = requireUplink(t, await readStatus(t.board));
    const [name, password] = [`rig-${t.random.uuid().slice(0, 8)}`, t.random.uuid()];
    const run = (command: string) => t.board.shell.text(command, { timeoutMs: joinMs });
    const devices = await t.step('Add two radios', async () => {
      await run('modprobe mac80211_hwsim radios=2');
      return t.eventually(
        'NetworkManager has two wifi devices',
        async () => {
          const text = await run('nmcli -t -f DEVICE,TYPE,STATE device');
          const found = text.split('\n').map((line) => line.split(':'));
          const ready = found.filter(([, type, state]) => type === 'wifi' && state === 'disconnected');
          return ready.length === 2 && ready.map(([device = '']) => device);
        },
        { timeoutMs: joinMs, everyMs: 2_000 },
      );
    });
    const [point = '', client = ''] = devices;
    await t.step('Open an access point on one', () =>
      run(`nmcli -w 90 device wifi hotspot ifname ${point} ssid ${name} password ${password}`),
    );
    await t.step('Find and join it with the other', () =>
      t.eventually(
        'The client has joined',
        async () => {
          const command = `nmcli -w 60 device wifi connect ${name} password ${password} ifname ${client}`;
          const { exitCode } = await t.board.shell.run(command, { timeoutMs: joinMs });
          return exitCode === 0;
        },
        { timeoutMs: joinMs, everyMs: 3_000 },
      ),
    );
    const own = parseAddresses(await run('ip -4 addr')).filter((one) => one.interface === client);
    t.equal(own.length, 1, 'the client has an address');
    t.match(own[0]?.address ?? '', shared, 'which the access point gave it');
    await t.step('Take both away', () => run('modprobe -r mac80211_hwsim'));
    const after = requireUplink(t, await readStatus(t.board));
    t.same(after.route, uplink.route, 'the way out is the same as before');
    const forwards = await run('cat /proc/sys/net/ipv4/conf/all/route_localnet; ip -4 rule');
    t.notMatch(forwards, shared, 'nothing of the shared network is left');
  });
}
