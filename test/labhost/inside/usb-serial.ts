// Runs in the lab host: the serial console on emulated FTDI adapters, beside stty and Python's termios.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { promisify } from 'node:util';
import t from 'tap';
import { serialConsoleDriver } from '../../../drivers/console/serial.js';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import { open, openLine, Sink } from '../../wired/support.js';
import { Asking } from './asking.js';
import { flood } from './flood.js';
import { adapterPath, twinPath, usbAt, usbPorts } from './places.js';

t.setTimeout(240_000);
const run = promisify(execFile);
const appears = (path: string): Promise<unknown> =>
  pollUntil(() => existsSync(path), { what: `${path} to be there`, timeoutMs: 60_000 });
/** Another program than ours on the port: opened as minicom does, without waiting for a carrier. */
const python = async (lines: readonly string[]): Promise<string> => {
  const head = [
    'import fcntl, os, select, struct, termios',
    `port = os.open('${adapterPath}', os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)`,
  ];
  return (await run('/usr/bin/python3', ['-Ic', [...head, ...lines].join('\n')])).stdout.trim();
};

await t.test('the kernel has its own driver for it', async (t) => {
  await appears(adapterPath);
  const { stdout } = await run('udevadm', ['info', '--query=property', adapterPath]);
  t.match(stdout, /ID_VENDOR_ID=0403/);
  t.match(stdout, /ID_MODEL_ID=6015/);
  t.match(stdout, /ID_USB_DRIVER=ftdi_sio/);
});

await t.test('what stty sets is what the far end sees', async (t) => {
  await run('stty', ['-F', adapterPath, '57600', 'cs7', 'parenb', '-parodd', 'cstopb']);
  await using asking = await Asking.at(adapterPath, { baud: 230_400, dtr: false, rts: true });
  const log = await asking.ask('log');
  // As near as the divisor of the chip comes to 57600 and 230400.
  t.match(log, /57554 7 even 2/, "stty's");
  t.match(log, /230769 8 none 1/, 'and then ours');
  t.match(log, /dtr 0 rts 1$/, 'with the modem lines as the lab file says');
});

await t.test('bytes pass both ways, all of them and in order', async (t) => {
  await using asking = await Asking.at(adapterPath);
  t.equal(await asking.ask('who'), 'adapter');
  const before = asking.sink.bytes.length;
  await asking.type('flood 20000\n');
  await asking.sink.seen(before + 20_000);
  t.ok(asking.sink.bytes.subarray(before).equals(flood(20_000)));
});

await t.test('our BREAK reaches the far end, and changes no other wire', async (t) => {
  await using asking = await Asking.at(adapterPath, { dtr: false });
  await asking.ask('log');
  await asking.line.sendBreak?.();
  t.equal(await asking.ask('log'), 'break on, break off');
});

await t.test(
  'BREAK and modem lines of another program reach the far end, and the far end reaches it',
  async (t) => {
    const { TIOCM_CTS: cts, TIOCM_CAR: dcd } = { TIOCM_CTS: 0x20, TIOCM_CAR: 0x40 };
    {
      await using asking = await Asking.at(adapterPath);
      t.equal(await asking.ask('wires cts dcd'), 'driven');
      await asking.ask('log');
    }
    const seen = await python([
      'termios.tcsendbreak(port, 0)',
      "fcntl.ioctl(port, termios.TIOCMBIC, struct.pack('I', termios.TIOCM_DTR))",
      "fcntl.ioctl(port, termios.TIOCMBIS, struct.pack('I', termios.TIOCM_DTR))",
      "print(struct.unpack('I', fcntl.ioctl(port, termios.TIOCMGET, bytes(4)))[0])",
    ]);
    t.equal(Number(seen) & 0x1e0, cts | dcd, 'CTS and DCD are driven, DSR and RI are not');
    await using asking = await Asking.at(adapterPath);
    t.match(await asking.ask('log'), /break on, break off, dtr 0 rts 1, dtr 1 rts 1/);
    await asking.ask('wires none');
  },
);

await t.test('a BREAK of the far end is one', async (t) => {
  const read = await python([
    'mode = termios.tcgetattr(port)',
    'mode[0] = termios.PARMRK',
    'mode[3] = 0',
    'termios.tcsetattr(port, termios.TCSANOW, mode)',
    "os.write(port, b'break\\n')",
    "got = b''",
    'while len(got) < 3 and select.select([port], [], [], 20)[0]: got += os.read(port, 100)',
    'print(got.hex())',
  ]);
  t.equal(read, 'ff0000', 'marked as termios(3) marks it');
});

await t.test('two adapters without a serial number', async (t) => {
  await appears(twinPath);
  const folder = '/dev/serial/by-path';
  const pathOf = (port: string): string =>
    readdirSync(folder)
      .filter((name) => name.includes(`:${port}:`))
      .map((name) => `${folder}/${name}`)[0] ?? `nothing at ${port}`;
  const [left, right] = usbPorts.twins;
  await pollUntil(() => [left, right].every((port) => existsSync(pathOf(port))), {
    what: 'both to be there',
    timeoutMs: 60_000,
  });
  const device = await open(serialConsoleDriver, { path: twinPath });
  await t.rejects(openLine(device, new Sink()), {
    code: 'console.several-devices',
    blame: 'config',
    message: new RegExp(`no serial number: USB ${usbAt(left)} \\(${pathOf(left)}\\), USB ${usbAt(right)} `),
  });
  const nameAt = async (port: string): Promise<string> => {
    await using asking = await Asking.at(pathOf(port));
    return await asking.ask('who');
  };
  t.equal(await nameAt(left), 'left', 'the name of its socket leads to the one');
  t.equal(await nameAt(right), 'right', 'and to the other');
  t.not(realpathSync(pathOf(left)), realpathSync(pathOf(right)));
});
