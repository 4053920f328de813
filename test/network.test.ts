// test: light
// What needs no root of the drivers of networks; what does is in test/labhost/inside/network.ts.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { accessPointDriver } from '../drivers/network/access-point.js';
import { parseChannels } from '../drivers/network/channels.js';
import { networkOf, overlap } from '../drivers/network/ipv4.js';
import { leaseAddressDriver } from '../drivers/network/lease.js';
import { parseLeases } from '../drivers/network/leases.js';
import { networkPortDriver } from '../drivers/network/port.js';
import type { BoardConfig } from '../rig/contracts/board.js';
import type { Device, Driver } from '../rig/contracts/driver.js';
import { mergeCapabilities } from '../rig/core/session/merge.js';
import { ownAddressTowards } from '../rig/lifetime/own-address.js';
import { board, codeOf, folder, open } from './wired/support.js';

const mac = 'dc:a6:32:01:02:03';
const nowMs = Date.UTC(2026, 10, 21, 12);
const inAnHour = nowMs / 1000 + 3600;

t.test('leases of dnsmasq', (t) => {
  const text = `${inAnHour} ${mac} 192.168.77.20 raspberrypi 01:${mac}
${inAnHour} 52:54:00:00:00:01 192.168.77.21 * *
${nowMs / 1000 - 1} 52:54:00:00:00:02 192.168.77.22 gone *
0 52:54:00:00:00:03 192.168.77.23 for-ever *
${inAnHour} ${mac.toUpperCase()} 192.168.77.24 raspberrypi *
duid 00:01:00:01
${inAnHour} 1234 fd00::1 raspberrypi 00:01
half a line`;
  t.same(parseLeases(text, nowMs), [
    { mac, address: '192.168.77.24', hostname: 'raspberrypi' },
    { mac: '52:54:00:00:00:01', address: '192.168.77.21' },
    { mac: '52:54:00:00:00:03', address: '192.168.77.23', hostname: 'for-ever' },
  ]);
  t.end();
});

t.test("leases of ISC's server", (t) => {
  const lease = (address: string, ends: string, more = 'binding state active;'): string => `lease ${address} {
  starts 6 2026/11/21 11:00:00;
  ends ${ends};
  ${more}
  hardware ethernet ${mac};
  client-hostname "desk";
}
`;
  const text = `# The format of this file is documented in the dhcpd.leases(5) manual page.
authoring-byte-order little-endian;

${lease('10.0.0.5', '6 2026/11/21 13:00:00')}${lease('10.0.0.6', '6 2026/11/21 11:30:00')}`;
  t.same(parseLeases(text, nowMs), [{ mac, address: '10.0.0.5', hostname: 'desk' }]);
  t.same(parseLeases(lease('10.0.0.7', 'never'), nowMs), [{ mac, address: '10.0.0.7', hostname: 'desk' }]);
  t.same(parseLeases(lease('10.0.0.8', 'never', 'binding state free;'), nowMs), []);
  t.end();
});

t.test('a board is found by its lease, when it has one', async (t) => {
  const file = join(folder(t), 'leases');
  const device = await open(leaseAddressDriver, { mac: mac.toUpperCase(), file, appear: '500ms' });
  const { address } = device.capabilities;
  t.equal(await codeOf(Promise.all([address?.endpoint(22)])), 'lifetime.timeout', 'no file, no lease');
  const later = Date.now() / 1000 + 600;
  writeFileSync(file, `${Math.round(later)} 52:54:00:00:00:01 127.0.0.8 another *\n`);
  t.equal(await codeOf(Promise.all([address?.endpoint(22)])), 'lifetime.timeout', "another's is not its own");
  const found = address?.endpoint(22);
  writeFileSync(file, `${Math.round(later)} ${mac} 127.0.0.9 desk *\n`);
  t.same(await found, { host: '127.0.0.9', port: 22 });
  t.match(await address?.hostAddress(), /^127\./);
});

t.test('a board whose lab file tells its host has that address, unless a driver finds it', async (t) => {
  const told: BoardConfig = { ...board, ssh: { host: '127.0.0.1' } };
  const { address } = mergeCapabilities(told, []);
  t.same(await address?.endpoint(22), { host: '127.0.0.1', port: 22 });
  t.equal(await address?.hostAddress(), '127.0.0.1');
  t.equal(mergeCapabilities(board, []).address, undefined);
  const own = { endpoint: async () => ({ host: 'h', port: 1 }), hostAddress: async () => 'h' };
  const device = { driver: { name: 'd', version: '1' }, capabilities: { address: own } } as unknown as Device;
  t.equal(mergeCapabilities(told, [device]).address, own);
  t.equal(await codeOf(ownAddressTowards('no-such-host.invalid')), 'address.no-route');
});

t.test('addresses that leave room for a board', (t) => {
  t.same(networkOf('192.168.77.1/24'), {
    host: '192.168.77.1',
    first: '192.168.77.2',
    last: '192.168.77.254',
    mask: '255.255.255.0',
    whole: '192.168.77.0/24',
  });
  t.same(networkOf('10.1.255.9/29'), {
    host: '10.1.255.9',
    first: '10.1.255.10',
    last: '10.1.255.14',
    mask: '255.255.255.248',
    whole: '10.1.255.8/29',
  });
  for (const bad of [
    '192.168.77.0/24',
    '192.168.77.254/24',
    '192.168.77.1',
    '192.168.77.1/30',
    '192.168.77.1/8',
    'x/24',
    '1.2.3.4/24/1',
  ])
    t.equal(networkOf(bad), undefined, bad);
  t.end();
});

t.test('networks that have addresses in common', (t) => {
  for (const [one, other, common] of [
    ['192.168.77.1/24', '192.168.77.200/24', true],
    ['192.168.77.1/24', '192.168.78.1/24', false],
    ['192.168.77.1/24', '192.168.0.1/16', true],
    ['10.0.0.1/8', '10.200.0.9/29', true],
    ['192.168.77.1/24', '0.0.0.0/0', true],
    ['192.168.77.1/29', '192.168.77.9/29', false],
  ] as const) {
    t.equal(overlap(one, other), common, `${one} ${other}`);
    t.equal(overlap(other, one), common);
  }
  t.end();
});

t.test('channels, as iw tells them', (t) => {
  const text = `Band 1:
\t* 2412 MHz [1] 
\t  Maximum TX power: 20.0 dBm
\t  Channel widths: 20MHz HT40+
\t* 2467 MHz [12] (disabled)
\t* 2484 MHz [14] 
\t  Maximum TX power: 20.0 dBm
\t  No IR
Band 2:
\t* 5260 MHz [52] 
\t  Maximum TX power: 20.0 dBm
\t  Radar detection
\t  DFS state: usable (for 9 sec)
`;
  t.same(
    parseChannels(text).map(({ channel, obstacle }) => [channel, obstacle === undefined]),
    [
      [1, true],
      [12, false],
      [14, false],
      [52, false],
    ],
  );
  t.same(parseChannels('nl80211 not found.'), []);
  t.end();
});

t.test('mistakes in the lab file are told', (t) => {
  const tell = (driver: Driver, options: Record<string, unknown>): string[] =>
    driver
      .validate({ driver: driver.name, options })
      .map(({ path, message }) => `${path.join('.')} ${message}`);
  t.match(tell(networkPortDriver, { interface: 'eth0' }), [
    /^interface found "eth0", expected a MAC address .* or a name that stays/,
  ]);
  t.same(tell(networkPortDriver, { interface: 'enp2s0' }), []);
  t.same(tell(networkPortDriver, { interface: '52:54:00:6C:61:62', mac }), []);
  t.match(tell(networkPortDriver, { interface: 'enp2s0', address: '192.168.77.0/24', mac: 'x' }), [
    /^address found/,
    /^mac found/,
  ]);
  const point = { interface: 'wlp1s0', ssid: 'rig', password: 'long enough', country: 'DE' };
  t.same(tell(accessPointDriver, point), []);
  for (const [option, bad] of [
    ['password', 'short'],
    ['password', 'two\nlines of it'],
    ['ssid', 'x'.repeat(33)],
    ['country', 'Germany'],
    ['security', 'wep'],
    ['channel', 0],
  ] as const)
    t.match(tell(accessPointDriver, { ...point, [option]: bad }), [new RegExp(`^${option} found`)]);
  t.end();
});
