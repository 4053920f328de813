// test: light
// Long because a process for each file costs more than a long file of independent tests.
// Power drivers against what they drive: Debian's SNMP agent, HTTP servers, programs, lines, a person at a terminal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { tcpConsoleDriver } from '../drivers/console/tcp.js';
import { CharacterDeviceLines } from '../drivers/lines/character-device.js';
import { buttonPowerDriver } from '../drivers/power/button.js';
import { commandPowerDriver } from '../drivers/power/command.js';
import { httpPowerDriver } from '../drivers/power/http.js';
import { answerToDigest } from '../drivers/power/http-digest.js';
import { snmpPowerDriver } from '../drivers/power/snmp.js';
import { portStates, usbHubPowerDriver } from '../drivers/power/usb-hub.js';
import { packageRoot } from '../rig/config/package.js';
import type { DeviceEvent, Driver } from '../rig/contracts/driver.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import type { DeviceMaker } from './conformance/device.js';
import { powerConformance } from './conformance/power.js';
import { powerFaultConformance, type SwitchFault } from './conformance/power-faults.js';
import { ordersIn, playBoard } from './wired/desk-board.js';
import { FakeGpio } from './wired/fake-gpio.js';
import { codeOf, context, folder, joined, open, until } from './wired/support.js';
import { type RelayKind, startRelay } from './wired/switches/http-relay.js';
import { apcCommand, apcState, hasSnmp, startPdu } from './wired/switches/snmp-agent.js';

t.setTimeout(300_000);

/** A switch made for a test: its driver, and every order that it was given. */
interface SwitchUnderTest {
  readonly driver: Driver;
  readonly options: Record<string, unknown>;
  readonly orders: () => readonly string[];
}

/** A board whose power hangs on the switch, with a console to see by. */
function boardOn(t: Test, make: () => Promise<SwitchUnderTest>): DeviceMaker {
  return {
    started: 'started\r\n',
    question: { line: 'marco\n', answer: 'polo\r\n' },
    open: async (emit) => {
      const { driver, options, orders } = await make();
      const socket = join(folder(t), 'console.sock');
      playBoard(t, { socket, orders });
      const at = { ...context(), emit };
      t.same(driver.validate({ driver: driver.name, options }), []);
      return joined([
        await tcpConsoleDriver.open({ driver: 'console-tcp', options: { socket } }, at),
        await driver.open({ driver: driver.name, options }, at),
      ]);
    },
  };
}

const relayOptions: Readonly<Record<RelayKind, (host: string) => Record<string, unknown>>> = {
  tasmota: (host) => ({ preset: 'tasmota', host }),
  shelly: (host) => ({ preset: 'shelly', host }),
  'shelly-gen2': (host) => ({ preset: 'shelly-gen2', host }),
  generic: (host) => ({
    on: { url: `http://${host}/outlet?to=1`, method: 'PUT' },
    off: { url: `http://${host}/outlet?to=0`, method: 'PUT' },
    state: { url: `http://${host}/outlet`, on: 'enabled', off: 'disabled' },
  }),
};

/** A switch in a folder ($0): its state and its fault are files. What is late goes on after the command has ended. */
const faultySwitch = `
read -r fault <"$0/fault"
case $fault:$1 in
  silent:*) exec sleep 60 ;;
  garbage:state) echo "no such outlet" ;;
  garbage:*) echo "no such outlet" >&2; exit 4 ;;
  *:state) cat "$0/state" ;;
  deaf:*) ;;
  late:*) (sleep 0.3; echo "$1" >"$0/state") >/dev/null 2>&1 & ;;
  *) echo "$1" >"$0/state" ;;
esac`;

for (const kind of Object.keys(relayOptions) as RelayKind[])
  t.test(`power-http, ${kind}, keeps what every power switch keeps`, (t) =>
    powerConformance(
      t,
      boardOn(t, async () => {
        const relay = await startRelay(t, kind);
        return {
          driver: httpPowerDriver,
          options: relayOptions[kind](relay.host),
          orders: () => relay.orders,
        };
      }),
    ),
  );

t.test('power-snmp keeps what every power switch keeps', { skip: !hasSnmp && 'needs snmpd, snmp' }, (t) =>
  powerConformance(
    t,
    boardOn(t, async () => {
      const pdu = await startPdu(t);
      return {
        driver: snmpPowerDriver,
        options: { host: '127.0.0.1', port: pdu.port, community: 'secret-words', table: 'apc', outlet: 3 },
        orders: pdu.orders,
      };
    }),
  ),
);

t.test('power-usb-hub keeps what every power switch keeps', (t) =>
  powerConformance(
    t,
    boardOn(t, async () => fakeHub(t)),
  ),
);

t.test('power-button keeps what every power switch keeps', (t) =>
  powerConformance(
    t,
    boardOn(t, async () => fakeButton().under),
  ),
);

t.test(
  'power-snmp: versions, other tables, and what goes wrong',
  { skip: !hasSnmp && 'needs snmpd, snmp' },
  async (t) => {
    const pdu = await startPdu(t);
    const base = { host: '127.0.0.1', port: pdu.port, timeout: '3s' };
    const oids = { command: `.${apcCommand}.3`, on: 1, off: 2, state: `${apcState}.3` };
    const user = {
      name: 'rig',
      authentication: 'sha256',
      password: 'long password',
      privacyPassword: 'other password',
    };
    for (const login of [
      { version: '1', community: 'secret-words' },
      { version: '2c', community: 'secret-words' },
      { version: '3', user },
    ]) {
      const device = await open(snmpPowerDriver, { ...base, ...login, oids });
      await device.capabilities.power?.on();
      t.equal(pdu.ask(`${apcState}.3`), '1', `on by version ${login.version}, says Debian's snmpget`);
      await device[Symbol.asyncDispose]();
      t.equal(pdu.ask(`${apcState}.3`), '2', 'and off');
    }
    const reader = await open(snmpPowerDriver, { ...base, community: 'public', table: 'apc', outlet: 3 });
    await t.rejects(Promise.all([reader.capabilities.power?.on()]), {
      code: 'power.snmp-failed',
      message:
        /^Cannot set 1\.3\.6\.1\.4\.1\.318\.1\.1\.12\.3\.3\.1\.1\.4\.3 to 1 at the PDU 127\.0\.0\.1:\d+: /,
    });
    const nowhere = await open(snmpPowerDriver, {
      ...base,
      community: 'secret-words',
      table: 'apc',
      outlet: 4,
    });
    t.equal(
      await codeOf(Promise.all([nowhere.capabilities.power?.state()])),
      'power.snmp-failed',
      'no such outlet',
    );
    const dead = await open(snmpPowerDriver, {
      ...base,
      port: 9,
      timeout: '500ms',
      community: 'x',
      table: 'apc',
      outlet: 3,
    });
    await t.rejects(Promise.all([dead.capabilities.power?.state()]), { code: 'power.snmp-failed' });
    const abort = new AbortController();
    const slow = await open(snmpPowerDriver, {
      ...base,
      port: 9,
      timeout: '60s',
      community: 'x',
      table: 'apc',
      outlet: 3,
    });
    const asked = slow.capabilities.power?.state({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await t.rejects(Promise.all([asked]), { message: 'enough' });
  },
);

t.test('power-http, a relay that answers late, garbage or never', (t) =>
  powerFaultConformance(t, async (t) => {
    const relay = await startRelay(t, 'tasmota');
    const stateDir = folder(t);
    const options = { ...relayOptions.tasmota(relay.host), timeout: '1s' };
    return {
      open: () => open(httpPowerDriver, options, [], stateDir),
      get isOn() {
        return relay.isOn;
      },
      set fault(fault: SwitchFault | undefined) {
        relay.silent = fault === 'silent';
        relay.deaf = fault === 'deaf';
        relay.lateMs = fault === 'late' ? 300 : 0;
        relay.answer = fault === 'garbage' ? { status: 200, body: '<html>Router login</html>' } : undefined;
      },
    };
  }),
);

t.test(
  'power-snmp, an agent that answers late, garbage or never',
  { skip: !hasSnmp && 'needs snmpd and snmp' },
  (t) =>
    powerFaultConformance(t, async (t) => {
      const pdu = await startPdu(t);
      const stateDir = folder(t);
      const login = { host: '127.0.0.1', port: pdu.port, community: 'secret-words' };
      const options = { ...login, table: 'apc', outlet: 3, timeout: '2s' };
      return {
        open: () => open(snmpPowerDriver, options, [], stateDir),
        get isOn() {
          return pdu.isOn;
        },
        set fault(fault: SwitchFault | undefined) {
          pdu.fault = fault;
        },
      };
    }),
);

t.test('power-command, a command that answers late, garbage or never', (t) =>
  powerFaultConformance(t, async (t) => {
    const cwd = folder(t);
    const [state, fault] = [join(cwd, 'state'), join(cwd, 'fault')];
    writeFileSync(state, 'off');
    writeFileSync(fault, '');
    const set = (wanted: 'on' | 'off') => ['/bin/sh', '-c', faultySwitch, cwd, wanted];
    const options = {
      on: set('on'),
      off: set('off'),
      state: ['/bin/sh', '-c', faultySwitch, cwd, 'state'],
      timeout: '1s',
    };
    return {
      open: () => open(commandPowerDriver, options, [], cwd),
      get isOn() {
        return readFileSync(state, 'utf8').trim() === 'on';
      },
      set fault(wanted: SwitchFault | undefined) {
        writeFileSync(fault, wanted ?? '');
      },
    };
  }),
);

t.test('power-http: logins, and relays that answer nonsense or nothing', async (t) => {
  for (const kind of ['tasmota', 'shelly'] as const) {
    const relay = await startRelay(t, kind, { password: 'hush hush' });
    const login = { user: 'admin', password: 'hush hush' };
    const device = await open(httpPowerDriver, { ...relayOptions[kind](relay.host), ...login });
    await device.capabilities.power?.on();
    t.same(relay.orders, ['on'], kind);
    await device[Symbol.asyncDispose]();
    const stranger = await open(httpPowerDriver, relayOptions[kind](relay.host));
    await t.rejects(Promise.all([stranger.capabilities.power?.state()]), {
      code: 'power.http-failed',
      message: `Cannot read the state of relay ${kind === 'tasmota' ? '1 of Tasmota' : '0 of Shelly'} ${relay.host}: it answered 401: no`,
    });
  }
  await t.test(
    'a digest, which curl answers too',
    { skip: !existsSync('/usr/bin/curl') && 'needs curl' },
    async (t) => {
      const relay = await startRelay(t, 'shelly-gen2', { password: 'hush hush' });
      const url = `http://${relay.host}/rpc/Switch.GetStatus?id=0`;
      const curl = async (password: string): Promise<string> =>
        (await runProgram('curl', ['-s', '--digest', '-u', `admin:${password}`, url])).stdout;
      t.match(await curl('hush hush'), '"output":false', 'the relay is as curl knows them');
      t.equal(await curl('hush'), 'no', 'and lets nobody else in');
      const password = 'hush hush';
      const device = await open(httpPowerDriver, { ...relayOptions['shelly-gen2'](relay.host), password });
      await device.capabilities.power?.on();
      t.match(await curl(password), '"output":true');
      await device[Symbol.asyncDispose]();
      t.notOk(relay.isOn);
      const wrong = await open(httpPowerDriver, {
        ...relayOptions['shelly-gen2'](relay.host),
        password: 'hush',
      });
      await t.rejects(Promise.all([wrong.capabilities.power?.state()]), { message: /it answered 401: no/ });
    },
  );

  await t.test('digests of RFC 7616, 3.9.1, and what is none', (t) => {
    const request = {
      user: 'Mufasa',
      password: 'Circle of Life',
      method: 'GET',
      uri: '/dir/index.html',
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    };
    const challenge = (algorithm: string): string =>
      `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
    const responseOf = (text: string): string | undefined =>
      /response="([0-9a-f]+)"/.exec(answerToDigest(text, request) ?? '')?.[1];
    t.equal(responseOf(challenge('MD5')), '8ca523f5e9506fed4657c9700eebdbec');
    t.equal(
      responseOf(challenge('SHA-256')),
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    );
    for (const none of [
      'Basic realm="x"',
      'Digest',
      challenge('SHA-512-256'),
      'Digest realm="x", nonce="y", qop="auth-int"',
    ])
      t.equal(answerToDigest(none, request), undefined, none);
    t.match(answerToDigest(`Basic realm="x", ${challenge('MD5')}`, request), /^Digest username="Mufasa"/);
    t.end();
  });

  const relay = await startRelay(t, 'shelly');
  const device = await open(httpPowerDriver, { ...relayOptions.shelly(relay.host), timeout: '1s' });
  const { power } = device.capabilities;
  for (const body of ['<html>Router login</html>', '{"ison": "perhaps"}', '{"ison": {"a": 1}}', '']) {
    relay.answer = { status: 200, body };
    t.equal(await codeOf(Promise.all([power?.state()])), 'power.unreadable-state', body);
  }
  relay.answer = { status: 200, body: 'x'.repeat(100_000) };
  await t.rejects(Promise.all([power?.state()]), { message: /more than 65536 bytes/ });
  relay.answer = { status: 200, body: '{"ison": false}' };
  await t.rejects(Promise.all([power?.on()]), {
    code: 'lifetime.timeout',
    message: /waiting for relay 0 of Shelly .* to say on after it was ordered to/,
  });
  relay.silent = true;
  await t.rejects(Promise.all([power?.state()]), {
    code: 'power.http-failed',
    message: /Timed out after 1000 ms/,
  });
  relay.silent = false;
  relay.answer = undefined;
  await power?.on();
  t.equal(await power?.state(), 'on', 'it recovers');
  await device[Symbol.asyncDispose]();
  const secret = await open(httpPowerDriver, {
    on: { url: `http://${relay.host}/nothing?password=hush` },
    off: { url: `http://${relay.host}/nothing?password=hush` },
  });
  const error = await secret.capabilities.power?.on().catch((error: Error) => error.message);
  t.equal(
    error,
    `Cannot switch relay http://${relay.host}/nothing on: it answered 404: Not Found`,
    'no password in it',
  );
});

t.test('one "off" is not believed', async (t) => {
  for (const [offReads, wanted] of [
    [2, ['on', 'off']],
    [1, ['on']],
  ] as const) {
    const relay = await startRelay(t, 'shelly');
    const device = await open(httpPowerDriver, { ...relayOptions.shelly(relay.host), offReads });
    await device.capabilities.power?.on();
    relay.lies.push('{"ison": false}');
    await device.capabilities.power?.off();
    t.same(relay.orders, wanted, `with ${offReads} reads`);
    await device[Symbol.asyncDispose]();
  }
});

t.test('uhubctl: what it prints of a port', (t) => {
  const printed = `Current status for hub 2-1 [0bda:0411 Generic 4-Port USB 3.0 Hub, USB 3.20, 4 ports, ppps]
  Port 2: 02a0 power 5gbps Rx.Detect
Current status for hub 1-1 [2109:2811 VIA Labs, USB 2.00, 4 ports, ppps]
  Port 1: 0503 power highspeed enable connect [0781:5567 power SanDisk]
  Port 2: 0000 off
  Port 3: 0100 power
  Port 4: 0000 off [power]
`;
  t.same(portStates(printed, 2), ['on', 'off']);
  t.same(portStates(printed, 1), ['on']);
  t.same(portStates(printed, 4), ['off'], 'a device that is called power has none');
  t.same(portStates(printed, 5), []);
  t.end();
});

t.test(
  'uhubctl itself says what we take for an error',
  { skip: !existsSync('/usr/sbin/uhubctl') && 'needs uhubctl' },
  async (t) => {
    const device = await open(usbHubPowerDriver, { hub: '9-9', port: 1, program: '/usr/sbin/uhubctl' });
    await t.rejects(Promise.all([device.capabilities.power?.state()]), {
      code: 'power.usb-hub-failed',
      message: /^Cannot drive port 1 of USB hub 9-9: \/usr\/sbin\/uhubctl ended with exit code \d+/,
    });
  },
);

t.test('a power button is never pressed blind', async (t) => {
  const { kernel, under, presses, press } = fakeButton();
  const events: DeviceEvent[] = [];
  kernel.drive('SENSE', 1);
  const device = await open(under.driver, under.options, events);
  const { power, powerButton } = device.capabilities;
  await power?.on();
  t.same(presses, [], 'a board that is on already is not toggled off');
  await powerButton?.press();
  t.same(presses, ['short']);
  press.works = false;
  kernel.drive('SENSE', 1);
  t.equal(
    await codeOf(Promise.all([power?.off()])),
    'lifetime.timeout',
    'a press that does nothing is noticed',
  );
  t.equal(kernel.voltage('BUTTON'), 0, 'and let go');
  const abort = new AbortController();
  const off = power?.off({ signal: abort.signal });
  await until(() => kernel.voltage('BUTTON') === 1, 'the press');
  abort.abort(new Error('enough'));
  await t.rejects(Promise.all([off]), { message: 'enough' });
  t.equal(kernel.voltage('BUTTON'), 0, 'let go after an abort too');
  press.works = true;
  await device[Symbol.asyncDispose]();
  t.equal(kernel.voltage('SENSE'), 0, 'the end leaves the board off');
});

t.test('a person at the terminal is asked, and nobody where there is none', async (t) => {
  const cwd = folder(t);
  const socket = join(cwd, 'console.sock');
  const orders: string[] = [];
  playBoard(t, { socket, orders: () => orders });
  writeFileSync(join(cwd, 'desk.yaml'), 'arch: arm64\nsignatures: {}\nbudgets: { shell: 20s }\n');
  writeFileSync(
    join(cwd, 'lab.yaml'),
    `boards:\n  desk:\n    type: ./desk.yaml\n    drivers:\n      console: { driver: console-tcp, socket: ${socket} }\n      power: { driver: power-manual, what: the blue plug }\n`,
  );
  const main = join(packageRoot, 'dist/rig/cli/main.js');
  const env = { ...process.env, XDG_RUNTIME_DIR: cwd, XDG_STATE_HOME: cwd };
  // Python's pty gives the command a controlling terminal.
  const person = spawn(
    '/usr/bin/python3',
    ['-c', 'import pty, sys; pty.spawn(sys.argv[1:])', process.execPath, main, 'check', 'desk'],
    { cwd, env },
  );
  t.teardown(() => void person.kill('SIGKILL'));
  let screen = '';
  let seen = 0;
  person.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    for (;;) {
      const asked = /Switch the blue plug (on|off), then press Enter: /.exec(screen.slice(seen));
      if (!asked) return;
      seen += asked.index + asked[0].length;
      orders.push(asked[1] ?? '');
      person.stdin.write('\n');
    }
  });
  await once(person, 'exit');
  t.match(screen, 'The rig of desk is well.');
  t.same(orders, ['off', 'on', 'off'], 'off first: nobody knows how the board was left');

  const alone = spawn('/usr/bin/setsid', ['-w', process.execPath, main, 'check', 'desk'], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [alone.stdout, alone.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(alone, 'close');
  t.match(said, 'Nobody can be asked to do this: Switch the blue plug off');
});

t.test('options that are wrong are all told', (t) => {
  const tell = (driver: Driver, options: Record<string, unknown>) =>
    driver
      .validate({ driver: driver.name, options })
      .map(({ path, message }) => `${path.join('.')} ${message}`);
  t.same(tell(snmpPowerDriver, { host: 'pdu', table: 'apc' }), [
    'outlet is missing, expected an outlet with a table, and none with oids',
    'community is missing, expected what SNMP version 2c logs in with',
  ]);
  t.same(tell(httpPowerDriver, { preset: 'tasmota', on: { url: 'ftp://x' } }), [
    'on.url found "ftp://x", expected a URL that begins with http:// or https://',
    ' found a mapping with preset, on, expected either preset with host, or on and off (and state)',
    'host is missing, expected a host with a preset, and none without',
  ]);
  t.same(tell(usbHubPowerDriver, { hub: 'hub1', port: 0 }), [
    'hub found "hub1", expected the path of a USB hub, such as 1-1.4 (uhubctl lists them)',
    'port found the number 0, expected at least 1',
  ]);
  t.match(tell(buttonPowerDriver(), { button: { line: { offset: 3 } }, sense: { line: 'PG' } })[0], /chip/);
  t.end();
});

/** uhubctl as its README and source show it, with a hub made of a file. */
function fakeHub(t: Test): SwitchUnderTest {
  const cwd = folder(t);
  const program = join(cwd, 'uhubctl');
  const state = join(cwd, 'state');
  writeFileSync(state, '0000 off');
  writeFileSync(
    program,
    `#!/bin/sh
[ "$1 $2 $3 $4" = "-l 1-1 -p 2" ] || { echo "No compatible devices detected at location $2!"; exit 1; }
show() { echo "$1 status for hub 1-1 [2109:3431 USB2.0 Hub, USB 2.10, 4 ports, ppps]"; echo "  Port 2: $(cat ${state})"; }
show Current
if [ "$5" = -a ]; then
  echo "Sent power $6 request"
  [ "$6" = on ] && echo '0100 power' > ${state} || echo '0000 off' > ${state}
  echo "$6" >> ${state}.log
  show New
fi
`,
  );
  chmodSync(program, 0o755);
  return {
    driver: usbHubPowerDriver,
    options: { hub: '1-1', port: 2, program },
    orders: ordersIn(`${state}.log`),
  };
}

/** A board that a short press toggles and a long one takes off; its sense line is active low in no way. */
function fakeButton() {
  const kernel = new FakeGpio([{ path: '/dev/gpiochip0', label: 'host', names: ['BUTTON', 'SENSE'] }]);
  const orders: string[] = [];
  const presses: string[] = [];
  const press = { works: true };
  let downMs: number | undefined;
  kernel.onOutput((_, voltage) => {
    if (voltage === 1) downMs = performance.now();
    else if (downMs !== undefined) {
      const long = performance.now() - downMs > 100;
      downMs = undefined;
      presses.push(long ? 'long' : 'short');
      const wasOn = kernel.voltage('SENSE') === 1;
      if (!press.works || (long && !wasOn)) return;
      orders.push(wasOn ? 'off' : 'on');
      kernel.drive('SENSE', wasOn ? 0 : 1);
    }
  });
  const source = async () => new CharacterDeviceLines(kernel, { reason: 'the test says so' });
  const options = {
    button: { line: 'BUTTON' },
    sense: { line: 'SENSE', bias: 'pull-down' },
    press: '10ms',
    hold: '250ms',
    timeout: '1s',
  };
  const under: SwitchUnderTest = { driver: buttonPowerDriver(source), options, orders: () => orders };
  return { kernel, under, presses, press };
}
