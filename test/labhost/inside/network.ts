// Runs in the lab host: its network port and its radios, judged by ip, iw, wpa_supplicant and busybox.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { accessPointDriver } from '../../../drivers/network/access-point.js';
import { networkPortDriver } from '../../../drivers/network/port.js';
import { portMac } from '../../../qemu/labhost/command-line.js';
import type { Device, DeviceEvent } from '../../../rig/contracts/driver.js';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import { codeOf, open } from '../../wired/support.js';
import { nameOf, run, WifiClient } from './wifi-client.js';

t.setTimeout(300_000);
const patienceMs = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'network-'));

/** All that the drivers change of this host, in words that are the same for the same. */
async function network(): Promise<string> {
  const links = (await run('ip', '-oneline', 'link')).replace(/ (?:state|qdisc|mode|qlen) \S+/g, '');
  const addresses = (await run('ip', '-oneline', '-4', 'address')).replace(/valid_lft.*/g, '');
  const radios = (await run('iw', 'dev')).replace(
    /^\s*(?:channel|txpower|multicast TXQ|qsz-byt|0\t).*\n/gm,
    '',
  );
  const country = /^country \w\w/m.exec(await run('iw', 'reg', 'get'))?.[0];
  const routes = await run('ip', '-4', 'route');
  return [links, addresses, routes, radios, country].join('\n');
}

/** Holds a driver in another process, kills that, and opens it here. */
async function killed(t: Test, name: string, options: Record<string, unknown>): Promise<void> {
  const before = await network();
  const stateDir = mkdtempSync(join(folder, 'state-'));
  const program = fileURLToPath(new URL('hold-network.js', import.meta.url));
  const holder = spawn(process.execPath, [program, name, JSON.stringify(options), stateDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(holder.stdout, 'data')) as [Buffer];
  t.equal(said.toString(), 'open\n');
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  t.not(await network(), before, 'what was killed has left its changes');
  const events: DeviceEvent[] = [];
  const driver = name === 'network-port' ? networkPortDriver : accessPointDriver;
  const next = await open(driver, options, events, stateDir);
  t.match(events[0], { kind: 'note', name: 'network-left' });
  await next[Symbol.asyncDispose]();
  t.equal(await network(), before, 'the next session has put them back');
  t.same(readdirSync(join(stateDir, 'left-behind')), [], 'and nothing is noted any more');
}

await t.test('a port that leads this host out is nobody else', async (t) => {
  const before = await network();
  await run('ip', 'link', 'set', 'dev', await nameOf(portMac), 'up');
  await run('ip', 'address', 'add', '192.168.99.2/24', 'dev', await nameOf(portMac));
  await run('ip', 'route', 'add', 'default', 'via', '192.168.99.1');
  t.equal(await codeOf(open(networkPortDriver, { interface: portMac })), 'network.uplink');
  await run('ip', 'address', 'flush', 'dev', await nameOf(portMac));
  await run('ip', 'link', 'set', 'dev', await nameOf(portMac), 'down');
  t.equal(await network(), before);
  const error = open(networkPortDriver, { interface: '02:00:00:00:77:77' });
  await t.rejects(error, { code: 'network.missing-interface', message: new RegExp(portMac) });
});

await t.test('a port: its address, its server, its link, and all put back', async (t) => {
  const before = await network();
  const device = await open(networkPortDriver, {
    interface: portMac,
    address: '192.168.55.1/28',
    appear: '1s',
  });
  const { link, address } = device.capabilities;
  t.match(await run('ip', '-4', 'address', 'show', 'dev', await nameOf(portMac)), /inet 192\.168\.55\.1\/28/);
  t.equal(
    await codeOf(open(networkPortDriver, { interface: portMac })),
    'network.dhcp-server',
    'one server a port',
  );
  await run('ip', 'address', 'add', '192.168.77.9/24', 'dev', 'lo');
  const taken = open(networkPortDriver, { interface: portMac });
  await t.rejects(taken, { code: 'network.address-taken', message: /lo has 192\.168\.77\.9\/24/ });
  await run('ip', 'address', 'del', '192.168.77.9/24', 'dev', 'lo');
  t.equal(await codeOf(address?.endpoint(22) ?? Promise.resolve()), 'lifetime.timeout', 'nobody is there');
  t.equal(await link?.state(), 'up');
  await link?.down();
  t.match(await run('ip', '-oneline', 'link', 'show', 'dev', await nameOf(portMac)), /state DOWN/);
  await device[Symbol.asyncDispose]();
  t.equal(await network(), before);
});

await t.test('a port whose session was killed', (t) => killed(t, 'network-port', { interface: portMac }));

const pointMac = '02:00:00:00:00:00';
const clientMac = '02:00:00:00:01:00';
const point = {
  interface: pointMac,
  ssid: 'rig, "näher" #1',
  password: 'a password; of $many',
  country: 'DE',
  address: '192.168.66.1/24',
};

await t.test('two radios', async (t) => {
  await run('modprobe', 'mac80211_hwsim', 'radios=2');
  await pollUntil(async () => (await run('iw', 'dev')).includes(clientMac), {
    what: 'two radios',
    timeoutMs: patienceMs,
  });
  t.match(await run('iw', 'reg', 'get'), /^country 00/m);
});

await t.test('an access point opens only where the rules of the country allow it', async (t) => {
  const before = await network();
  const opening = async (country: string, channel: number): Promise<string> => {
    try {
      const device = await open(accessPointDriver, { ...point, country, channel });
      const info = await run('iw', 'dev', await nameOf(pointMac), 'info');
      await device[Symbol.asyncDispose]();
      return /channel (\d+)/.exec(info)?.[1] ?? info;
    } catch (error) {
      return (error as Error).message;
    }
  };
  t.match(await opening('US', 13), 'An access point may not use channel 13 in US: it is forbidden there');
  t.equal(await opening('DE', 13), '13');
  t.match(await opening('DE', 52), /channel 52 in DE: who sends there must look for radar first/);
  t.match(await opening('DE', 99), /the radio does not have it/);
  t.equal(await network(), before, 'the rules are those of before');
});

for (const security of ['wpa2', 'wpa3'] as const)
  await t.test(`a client joins by ${security}, takes an address, and loses the access point`, async (t) => {
    const before = await network();
    const device = await open(accessPointDriver, { ...point, security });
    const { link, address } = device.capabilities;
    await using client = await WifiClient.start(folder, { mac: clientMac, ...point, security });
    await client.joined(true);
    const leased = await client.lease();
    t.same(
      await address?.endpoint(22),
      { host: leased, port: 22 },
      'the board is found where it says that it is',
    );
    t.equal(await address?.hostAddress(), '192.168.66.1');
    await client.exec('busybox', 'ping', '-c', '1', '-W', '10', '192.168.66.1');
    t.match(
      client.said,
      security === 'wpa3' ? /SAE|WPA: Key negotiation completed/ : /WPA: Key negotiation completed/,
    );
    await link?.down();
    await client.joined(false);
    await link?.up();
    await client.joined(true);
    t.pass('it is there again');
    await client[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    t.equal(await network(), before, 'nothing is left');
  });

await t.test('a client with another password stays outside', async (t) => {
  const device: Device = await open(accessPointDriver, point);
  await using client = await WifiClient.start(folder, {
    mac: clientMac,
    ...point,
    security: 'wpa2',
    password: 'another password',
  });
  await pollUntil(() => client.said.includes('WRONG_KEY'), { what: 'the refusal', timeoutMs: patienceMs });
  t.notMatch(await client.exec('iw', 'dev', client.name, 'link'), /authorized:\s*yes/);
  await device[Symbol.asyncDispose]();
});

await t.test('an access point whose session was killed', (t) => killed(t, 'network-access-point', point));
