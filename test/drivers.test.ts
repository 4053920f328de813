// test: light
// Long because a process for each file costs more than a long file of independent tests.
// Drivers against the real thing as far as this machine has it: sockets, pseudo-terminals, processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import t from 'tap';
import { serialConsoleDriver } from '../drivers/console/serial.js';
import { tcpConsoleDriver } from '../drivers/console/tcp.js';
import { lockDevice } from '../drivers/console/uucp-lock.js';
import { commandNetbootDriver } from '../drivers/netboot/command.js';
import { commandPowerDriver } from '../drivers/power/command.js';
import { openDevices } from '../rig/cli/registry.js';
import type { BoardConfig } from '../rig/contracts/board.js';
import type { DeviceEvent, Driver } from '../rig/contracts/driver.js';
import { RigError } from '../rig/contracts/errors.js';
import { readProcessStat } from '../rig/lifetime/process-stat.js';
import { consoleConformance } from './conformance/console.js';
import { netbootConformance } from './conformance/netboot.js';
import { powerConformance } from './conformance/power.js';
import { deskLab, deskMaker, fileSwitch, ordersIn, rig, switchFileOf } from './wired/desk-board.js';
import { ptyFarEnd, socketFarEnd } from './wired/far-ends.js';
import { lineConformance } from './wired/line.js';
import { board, codeOf, context, folder, open, openLine, Sink, until } from './wired/support.js';

// Processes of the rig, on a host that has other work too.
t.setTimeout(240_000);

t.test('a wired board keeps what every driver keeps', async (t) => {
  await t.test('power', (t) => powerConformance(t, deskMaker(t)));
  await t.test('console', (t) => consoleConformance(t, deskMaker(t)));
});

t.test('console-tcp over TCP', (t) => lineConformance(t, (t) => socketFarEnd(t, undefined)));

t.test('console-tcp over a unix socket', (t) =>
  lineConformance(t, (t) => socketFarEnd(t, { path: join(folder(t), 'console.sock') })),
);

t.test('console-serial', (t) => lineConformance(t, ptyFarEnd));

t.test('console-tcp tries again until its time is over', async (t) => {
  const path = join(folder(t), 'late.sock');
  const device = await open(tcpConsoleDriver, { socket: path, connectTimeout: '300ms' });
  t.equal(await codeOf(openLine(device, new Sink())), 'console.unreachable');
  const patient = await open(tcpConsoleDriver, { socket: path });
  const opening = openLine(patient, new Sink());
  const server = createServer(() => undefined).listen(path);
  t.teardown(() => void server.close());
  t.ok(await opening, 'a server that comes up meanwhile is found');
  await patient[Symbol.asyncDispose]();
  const abort = new AbortController();
  const stubborn = await open(tcpConsoleDriver, { socket: `${path}.never` });
  const endless = stubborn.capabilities.console?.open(new Sink(), { signal: abort.signal });
  abort.abort(new Error('enough'));
  await t.rejects(Promise.all([endless]), { message: 'enough' });
});

t.test('console-serial is ours alone, and says who has it', async (t) => {
  const far = await ptyFarEnd(t);
  const device = await open(serialConsoleDriver, { path: far.path });
  await openLine(device, new Sink());
  const lock = `/var/lock/LCK..${basename(far.path)}`;
  t.equal(
    readFileSync(lock, 'latin1'),
    `${String(process.pid).padStart(10)}\n`,
    'the lock that others honour',
  );
  // Another name of the same device is the same device.
  const alias = join('/dev/shm', `drivers-test-${process.pid}`);
  symlinkSync(far.path, alias);
  t.teardown(() => rmSync(alias, { force: true }));
  const second = await open(serialConsoleDriver, { path: alias });
  await t.rejects(openLine(second, new Sink()), {
    code: 'console.busy',
    message: `Cannot open ${realpathSync(far.path)}: process ${process.pid} (`,
  });
  t.same(
    serialConsoleDriver.claims?.({ driver: 'console-serial', options: { path: alias } }),
    serialConsoleDriver.claims?.({ driver: 'console-serial', options: { path: far.path } }),
    'and the lab file may not give it twice',
  );
  await device[Symbol.asyncDispose]();
  t.notOk(existsSync(lock), 'and nothing is left');
  await t.rejects(openLine(await open(serialConsoleDriver, { path: '/dev/serial/by-id/nope' }), new Sink()), {
    code: 'console.missing-device',
    message: 'Cannot find the serial port /dev/serial/by-id/nope',
  });
});

t.test('the lock of a process that is gone is taken over', async (t) => {
  const path = folder(t);
  const gone = spawn('/bin/true');
  await once(gone, 'exit');
  writeFileSync(join(path, 'LCK..ttyX'), `${String(gone.pid).padStart(10)}\n`);
  const lock = await lockDevice('/dev/ttyX', { folder: path });
  t.equal(Number(readFileSync(join(path, 'LCK..ttyX'), 'latin1')), process.pid);
  await lock[Symbol.asyncDispose]();
  writeFileSync(join(path, 'LCK..ttyX'), 'rubbish');
  await (await lockDevice('/dev/ttyX', { folder: path }))[Symbol.asyncDispose]();
});

t.test('power-command', async (t) => {
  await t.test('switches, reads back, and does nothing twice', async (t) => {
    const { file, log, options } = fileSwitch(t);
    const events: DeviceEvent[] = [];
    const device = await open(commandPowerDriver, options, events);
    const { power } = device.capabilities;
    if (!power) throw new Error('no power');
    t.equal(await power.state(), 'off');
    await Promise.all([power.on(), power.on()]);
    t.equal(await power.state(), 'on');
    writeFileSync(file, 'off');
    t.equal(await power.state(), 'off', 'what somebody else did is seen');
    await power.on();
    await power.off();
    await power.off();
    t.equal(readFileSync(log, 'utf8'), 'on\non\noff\n');
    await power.on();
    await device[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    t.equal(readFileSync(file, 'utf8'), 'off\n', 'the end leaves the board off');
    t.same(
      events.map((event) => event.kind === 'power' && event.state),
      ['on', 'on', 'off', 'on', 'off'],
    );
  });

  await t.test('without a state command the last command counts', async (t) => {
    const { log, options } = fileSwitch(t);
    const { state: _, ...rest } = options;
    const device = await open(commandPowerDriver, rest);
    const { power } = device.capabilities;
    t.equal(await power?.state(), 'unknown');
    await power?.on();
    t.equal(await power?.state(), 'on');
    await device[Symbol.asyncDispose]();
    t.equal(readFileSync(log, 'utf8'), 'on\noff\n');
  });

  await t.test('stays off for its settle time', async (t) => {
    const { options } = fileSwitch(t);
    const device = await open(commandPowerDriver, { ...options, settle: '400ms' });
    await device.capabilities.power?.on();
    await device.capabilities.power?.off();
    const offMs = performance.now();
    await device.capabilities.power?.on();
    t.ok(performance.now() - offMs >= 350, 'an order in time, not a speed');
    await device[Symbol.asyncDispose]();
  });

  await t.test('failures say which command, why, and what to try', async (t) => {
    const { options } = fileSwitch(t);
    const fails = async (changed: Record<string, unknown>, action: 'on' | 'state') => {
      const device = await open(commandPowerDriver, { ...options, ...changed });
      try {
        await device.capabilities.power?.[action]();
        return 'nothing was thrown';
      } catch (error) {
        if (!(error instanceof RigError) || error.blame !== 'rig' || error.hint === '') throw error;
        return `${error.code} ${error.message}`;
      }
    };
    const shell = (script: string) => ['/bin/sh', '-c', script];
    t.equal(
      await fails({ on: shell('echo "outlet 9 does not exist" >&2; exit 3') }, 'on'),
      'power.command-failed Cannot switch the power on with the command "on" of the lab file: /bin/sh ended with exit code 3: outlet 9 does not exist',
    );
    t.equal(
      await fails({ on: ['no-such-pdu'] }, 'on'),
      'power.command-failed Cannot switch the power on with the command "on" of the lab file: Cannot find the program "no-such-pdu"',
    );
    t.match(
      await fails({ on: ['/bin/sleep', '60'], timeout: '200ms' }, 'on'),
      'power.command-failed Cannot switch the power on with the command "on" of the lab file: Timed out after 200 ms',
    );
    t.equal(
      await fails({ state: shell('echo maybe') }, 'state'),
      'power.unreadable-state Cannot read the power state: the command "state" (/bin/sh) printed "maybe", expected on or off',
    );
    t.match(
      await fails({ on: ['/bin/true'], timeout: '500ms' }, 'on'),
      'lifetime.timeout Timed out after 500 ms waiting for the command "state" of the lab file to say on after it was ordered to',
    );
  });

  await t.test('an abort ends the command', async (t) => {
    const { options } = fileSwitch(t);
    const pid = join(folder(t), 'pid');
    const device = await open(commandPowerDriver, {
      ...options,
      on: ['/bin/sh', '-c', 'echo $$ > "$0"; exec sleep 60', pid],
    });
    const abort = new AbortController();
    const on = device.capabilities.power?.on({ signal: abort.signal });
    await until(() => existsSync(pid) && readFileSync(pid, 'utf8') !== '', 'the command');
    abort.abort(new Error('enough'));
    await t.rejects(on ?? Promise.resolve(), { message: 'enough' });
    await until(() => !existsSync(`/proc/${readFileSync(pid, 'utf8').trim()}`), 'the end of the command');
    await device[Symbol.asyncDispose]();
  });
});

t.test('netboot-command', async (t) => {
  const place = join(folder(t), 'offered');
  const shell = (script: string) => ['/bin/sh', '-c', script, place];
  const options = {
    offer: shell('printf "%s/%s" "$BOARDRIG_BOOT_FOLDER" "$BOARDRIG_BOOT_FILE" > "$0"'),
    withdraw: shell('rm -f "$0"'),
  };
  const told = async () => {
    if (!existsSync(place)) return undefined;
    return /^who=(.*)$/m.exec(readFileSync(readFileSync(place, 'utf8'), 'utf8'))?.[1];
  };
  // What a session that was killed has left.
  writeFileSync(place, '/gone/first.env');
  await netbootConformance(t, { open: () => open(commandNetbootDriver, options), told });
  t.notOk(existsSync(place), 'the end of a session withdraws');
  const broken = await open(commandNetbootDriver, {
    ...options,
    offer: shell('echo "no such host" >&2; exit 1'),
  });
  await t.rejects(Promise.resolve(broken.capabilities.netboot?.offer({ folder: '/srv', bootFile: 'x' })), {
    code: 'netboot.command-failed',
    message: /"offer" of the lab file: \/bin\/sh ended with exit code 1: no such host/,
  });
  await broken[Symbol.asyncDispose]();
});

t.test('options that are wrong are all told', async (t) => {
  const tell = (driver: Driver, options: Record<string, unknown>) =>
    driver
      .validate({ driver: driver.name, options })
      .map(({ path, message }) => `${path.join('.')} ${message}`);
  t.same(tell(tcpConsoleDriver, {}), [' found an empty mapping, expected either address or socket']);
  t.same(tell(tcpConsoleDriver, { address: 'a:70000' }), [
    'address found "a:70000", expected a port from 1 to 65535',
  ]);
  t.same(tell(tcpConsoleDriver, { address: '[fe80::1%eth0]:1' }), []);
  t.same(tell(commandPowerDriver, { on: [], off: 'pdu off' }), [
    'on found an empty list, expected a list of a program and its arguments, such as [uhubctl, -a, on] (no shell reads it)',
    'off found "pdu off", expected a list of a program and its arguments, such as [uhubctl, -a, on] (no shell reads it)',
  ]);
  t.same(tell(serialConsoleDriver, { path: '/dev/ttyS0', dataBits: 9 }), [
    'dataBits found the number 9, expected 5, 6, 7 or 8',
  ]);
});

t.test("a device that two lab files name is only one board's at a time", async (t) => {
  const far = await socketFarEnd(t, undefined);
  const of = (name: string): BoardConfig => ({
    ...board,
    name,
    drivers: { console: { driver: 'console-tcp', options: far.options } },
  });
  const [first] = await openDevices(of('here'), context(), {});
  t.equal(first?.driver.name, 'console-tcp');
  await t.rejects(openDevices(of('there'), context(), {}), {
    code: 'device.busy',
    message: `Cannot use console ${far.options.address}: the board here (process ${process.pid}) has it`,
  });
  await first?.[Symbol.asyncDispose]();
  const [second] = await openDevices(of('there'), context(), {});
  await second?.[Symbol.asyncDispose]();
  t.pass('free again after closing');
  const refused = {
    ...of('there'),
    drivers: { power: { driver: 'power-gpio', options: { line: 'NO-SUCH-LINE' } } },
  };
  await t.rejects(openDevices(refused, context(), {}));
  t.not(
    await codeOf(openDevices(refused, context(), {})),
    'device.busy',
    "what could not be opened is nobody's",
  );
});

t.test('a board that cannot be opened whole is closed again, in reverse order', async (t) => {
  const first = fileSwitch(t);
  const half: BoardConfig = {
    ...board,
    drivers: {
      power: { driver: 'power-command', options: first.options },
      console: { driver: 'no-such-driver', options: {} },
    },
  };
  writeFileSync(first.file, 'on');
  await t.rejects(openDevices(half, context(), {}), { code: 'config.unknown-driver', blame: 'config' });
  t.equal(readFileSync(first.file, 'utf8'), 'off\n', 'what was open is off');
  const stuck: BoardConfig = {
    ...half,
    drivers: {
      power: { driver: 'power-command', options: { ...first.options, off: ['/bin/false'] } },
      console: { driver: 'no-such-driver', options: {} },
    },
  };
  writeFileSync(first.file, 'on');
  const error = await openDevices(stuck, context(), {}).then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(error instanceof AggregateError && error.errors.length === 2, 'both errors are kept');
});

t.test(
  'a session that is killed with the power on: the next command finds it, and switches off first',
  async (t) => {
    const cwd = deskLab(t, { offWorks: true });
    const relay = switchFileOf(cwd);
    const stateOf = async (): Promise<string> => {
      const listed = JSON.parse((await rig(cwd, 'boards', '--json')).out) as {
        name: string;
        state: string;
      }[];
      return listed.find(({ name }) => name === 'desk')?.state ?? '';
    };
    t.equal((await rig(cwd, 'power', 'desk', 'on')).exitCode, 0);
    t.equal(readFileSync(relay, 'utf8').trim(), 'on');
    const pid = Number(/^up by .*\(pid (\d+)/.exec(await stateOf())?.[1]);
    t.ok(pid > 1, 'a process of its own has the board');
    process.kill(pid, 'SIGKILL');
    await until(() => readProcessStat(pid)?.state === undefined, 'the session to be gone');
    t.equal(readFileSync(relay, 'utf8').trim(), 'on', 'nobody could switch it off');
    t.match(await stateOf(), /^left on by a process that died/);
    const orders = ordersIn(`${relay}.log`);
    const before = orders().length;
    t.equal((await rig(cwd, 'up', 'desk')).exitCode, 0);
    t.equal(orders()[before], 'off', 'the first order of the next session is off');
    t.equal((await rig(cwd, 'down', 'desk')).exitCode, 0);
    t.equal(readFileSync(relay, 'utf8').trim(), 'off');
    t.equal(await stateOf(), 'free');
  },
);

t.test('rig check and rig boards on a board that commands and a socket make', async (t) => {
  const well = deskLab(t, { offWorks: true });
  const good = await rig(well, 'check', 'desk');
  t.equal(
    good.out.replace(/\d+\.\d+\.\d+/g, 'VERSION'),
    `good  configuration      desk, console by console-tcp, power by power-command
good  session            power-command VERSION, console-tcp VERSION: power, console
good  power on           on
good  console speaks     bytes after power-on
good  power off          off
good  console is silent  silent for 1500 ms after power-off
The rig of desk is well.
`,
  );
  t.match(good, { exitCode: 0, err: '' });

  const broken = deskLab(t, { offWorks: false });
  const stuck = await rig(broken, 'check', 'desk');
  t.equal(stuck.exitCode, 1);
  t.match(
    stuck.out,
    'bad   console is silent  Timed out after 8000 ms waiting for the console to be silent for 1500 ms after power-off\n                         The board still runs',
  );
  t.match(stuck.out, 'The rig of desk has 1 bad. It is offline until a check is good.');
  const offline = await rig(broken, 'boards', '--json');
  t.match(
    (JSON.parse(offline.out) as { name: string; state: string }[]).find(({ name }) => name === 'desk')?.state,
    /^offline since 20\d\d-.*Z \(console is silent: Timed out after 8000 ms/,
  );
  const refused = await rig(broken, 'run', 'boot', '--board', 'desk');
  t.equal(refused.exitCode, 3);
  t.match(refused.err, /rig: Board "desk" is offline since .*: console is silent: .*\n.*rig check desk/s);

  const listed = await rig(well, 'boards', '--json');
  t.match(
    (JSON.parse(listed.out) as { name: string }[]).find(({ name }) => name === 'desk'),
    {
      kind: 'physical',
      from: 'lab',
      state: 'free',
      drivers: { console: 'console-tcp', power: 'power-command' },
    },
  );
  const unknown = await rig(well, 'check', 'dsek');
  t.equal(unknown.exitCode, 2);
  t.match(unknown.err, 'There is no board or label "dsek" (did you mean "desk"?)');
  writeFileSync(join(well, 'lab.yaml'), 'boards:\n  desk:\n\ttype: x\n');
  t.match(await rig(well, 'boards'), {
    exitCode: 2,
    out: '',
    err: `rig: lab.yaml:3:1: Cannot parse YAML: a tab indents this line; use spaces
     The file must be YAML 1.2 in UTF-8, indented with spaces.
`,
  });
});
