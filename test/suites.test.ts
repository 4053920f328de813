// test: light
// What the suites make of a board's answers: on the output of real programs, and on garbage. Long because a file is a
// process: the readers are many, each is small.
import { execFileSync, spawnSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import type { SuiteDefinition } from '../rig/contracts/suite.js';
import { TestHostServices } from '../rig/core/runner/host-services.js';
import { RigError, type TestContext } from '../rig/mod.js';
import { filesystemOf } from '../suites/board/marks.js';
import { promised } from '../suites/board/promised.js';
import bootSuite from '../suites/boot/suite.js';
import configSuite from '../suites/config/suite.js';
import engineSuite from '../suites/engine/suite.js';
import { consolesCommand, consoleUsers } from '../suites/facts/consoles.js';
import { disksCommand, parseDisks } from '../suites/facts/disks.js';
import {
  fatStateAt,
  identifyFilesystem,
  superblockBytes,
  superblockCopiesMiB,
} from '../suites/facts/filesystem.js';
import { parseGpt } from '../suites/facts/gpt.js';
import { parseHex } from '../suites/facts/hex.js';
import { parseKernelLog } from '../suites/facts/kernel-log.js';
import { isLeased } from '../suites/facts/leases.js';
import { listenersCommand, openPorts, parseListeners } from '../suites/facts/listeners.js';
import { mountAt, mountsCommand, parseMounts } from '../suites/facts/mounts.js';
import {
  defaultRoute,
  parseAddresses,
  parseNameservers,
  parseRoutes,
  sameNetwork,
} from '../suites/facts/network.js';
import { parseOsRelease } from '../suites/facts/os-release.js';
import { processesCommand } from '../suites/facts/processes.js';
import { joinCommands, quoted, splitAnswer } from '../suites/facts/sections.js';
import { parseSwaps } from '../suites/facts/swaps.js';
import { parseUnits } from '../suites/facts/units.js';
import { parseUptime } from '../suites/facts/uptime.js';
import flashingSuite from '../suites/flashing/suite.js';
import loggingSuite from '../suites/logging/suite.js';
import { isNameServerAnswer } from '../suites/networking/dns.js';
import networkingSuite from '../suites/networking/suite.js';
import resilienceSuite from '../suites/resilience/suite.js';
import rollbackSuite from '../suites/rollback/suite.js';
import { nameServer } from '../suites/servers/dns.js';
import { timeServer } from '../suites/servers/ntp.js';
import storageSuite from '../suites/storage/suite.js';
import { textAfterKernel } from '../suites/variants/serial-text.js';
import variantsSuite from '../suites/variants/suite.js';
import { bareProfile } from './fakes/bare-profile.js';
import { predictionOf } from './mutations/mutation.js';
import { batches } from './mutations/table.js';

const suites = [
  bootSuite,
  networkingSuite,
  configSuite,
  storageSuite,
  loggingSuite,
  variantsSuite,
  engineSuite,
  resilienceSuite,
];

const sh = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8' });
const folder = await mkdtemp(join(tmpdir(), 'boardrig-suites-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const unreadable = { name: 'RigError', code: 'facts.unreadable', blame: 'board' };

/** The bytes as `od` shows them, which is how they come from a board. */
const dumped = (file: string, { skip, count }: { skip: number; count: number }) =>
  sh(`dd if=${quoted(file)} bs=512 skip=${skip} count=${count} 2>/dev/null | od -An -v -tx1`);

const partitionTable = join(folder, 'disk');
const fat = join(folder, 'fat');
const ext4 = join(folder, 'ext4');
sh(`truncate -s 64M ${partitionTable}; printf '%s\\n' 'label: gpt' \
  'size=16M, name=one, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B' 'size=8M, name="two words"' | /sbin/sfdisk -q ${partitionTable}
  truncate -s 40M ${fat}; /sbin/mkfs.vfat -F 32 -n SOME-LABEL ${fat} >/dev/null
  truncate -s 8M ${ext4}; /sbin/mke2fs -q -t ext4 -L other-label ${ext4}`);

const routes = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
const addresses = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast qlen 1000
    inet 10.0.2.15/24 brd 10.0.2.255 scope global eth0
`;
const kernelLog = `<5>[    0.000000] Linux version 6.1.0
<12>[    1.500000] a warning
<6>[    2.000000][  T1] with a caller
`;
const busyConsoles = 'ttyAMA0              -W- (EC p a)  204:64 \nnetcon0              -W- (E     )\n';
const processes = `1 (init) S 0 1 1 0 -1 4194560
77 (a (odd) name) S 1 77 77 52288 77 4194560
78 (dropbear) S 1 78 78 0 -1 4194560
`;
const diskDump = () =>
  [
    '@disk vda 131072 512',
    dumped(partitionTable, { skip: 1, count: 9 }),
    '@partition vda1 1 254:1 2048 32768 one',
    dumped(fat, { skip: 0, count: 4 }),
    '@partition vda2 2 254:2 34816 16384 two words',
    dumped(ext4, { skip: 0, count: 4 }),
  ].join('\n');

t.test('several commands in one answer', async (t) => {
  const names = ['good', 'bad', 'quote'] as const;
  const command = joinCommands({
    good: 'printf "no newline"',
    bad: 'echo out; echo err >&2; false',
    quote: `echo ${quoted("it's $HOME")}`,
  });
  const answer = splitAnswer(sh(command), names);
  t.same(answer.good, { text: 'no newline', exitCode: 0 });
  t.same(answer.bad, { text: 'out\nerr', exitCode: 1 });
  t.equal(answer.quote.text, "it's $HOME");
  t.equal(splitAnswer(sh(joinCommands({ ends: 'exit 7' })), ['ends']).ends.exitCode, 7);
  const whole = sh(command);
  t.throws(() => splitAnswer(whole.slice(0, -4), names), unreadable, 'the end is missing');
  t.throws(() => splitAnswer(whole, ['another']), unreadable);
  t.throws(() => splitAnswer(whole.slice(whole.indexOf('\n') + 1), names), unreadable, 'the beginning is');
  t.throws(() => splitAnswer('', names), unreadable);
});

t.test('mounts, of this machine and written by hand', async (t) => {
  const own = parseMounts(sh(mountsCommand));
  t.ok(mountAt(own, '/'), 'this machine has a root');
  t.equal(mountAt(own, '/proc')?.filesystem, 'proc');
  const mounts = parseMounts(
    [
      '22 1 254:2 / / ro,relatime - ext4 /dev/vda2 ro',
      '30 22 0:21 / /tmp rw,nosuid - tmpfs tmp rw,size=1k',
      '31 22 254:4 / /mnt/a\\040b rw shared:1 master:2 - ext4 /dev/vda4 ro,errors=remount-ro',
      '32 22 0:22 / /tmp rw - tmpfs tmp rw',
    ].join('\n'),
  );
  t.equal(mountAt(mounts, '/')?.readOnly, true);
  t.equal(mountAt(mounts, '/tmp')?.device, '0:22', 'the later mount hides the earlier');
  t.equal(mountAt(mounts, '/tmp')?.readOnly, false);
  t.equal(mountAt(mounts, '/mnt/a b')?.readOnly, true, 'the file system below is read-only');
  t.equal(mountAt(mounts, '/mnt'), undefined);
  t.equal(filesystemOf(mounts, '/tmp/deep/er'), 'tmpfs');
  t.equal(filesystemOf(mounts, '/etc'), 'ext4');
  t.equal(filesystemOf(mounts, '/tmpfile'), 'ext4', 'a name that only begins alike');
});

t.test('a partition table and file systems that real programs made', async (t) => {
  const entries = parseGpt(parseHex(dumped(partitionTable, { skip: 1, count: 9 })), 512);
  t.same(
    entries?.map(({ number, name, type }) => ({ number, name, type })),
    [
      { number: 1, name: 'one', type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b' },
      { number: 2, name: 'two words', type: '0fc63daf-8483-4772-8e79-3d69d8477de4' },
    ],
  );
  t.equal(parseGpt(Buffer.alloc(4608), 512), undefined, 'an empty disk has no table');
  const whole = readFileSync(partitionTable).subarray(512, 512 * 10);
  t.throws(() => parseGpt(whole.subarray(0, 600), 512), unreadable, 'a table cut short');
  const patched = (offset: number, value: number) => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32LE(value, offset);
    return bytes;
  };
  t.throws(() => parseGpt(patched(72, 500), 512), unreadable, 'a table far away');
  t.throws(() => parseGpt(patched(84, 0), 512), unreadable, 'entries of no bytes');
  t.throws(() => parseHex('00 0g'), unreadable);
  t.throws(() => parseHex('sh: od: not found'), unreadable);
  const first = (file: string) => identifyFilesystem(readFileSync(file).subarray(0, superblockBytes));
  t.same(first(fat), { type: 'vfat', label: 'SOME-LABEL', isClean: true });
  t.same(first(ext4), { type: 'ext4', label: 'other-label', sizeBytes: 8 * 2 ** 20, isClean: true });
  const marked = readFileSync(fat).subarray(0, superblockBytes);
  marked.writeUInt8(1, fatStateAt.fat32);
  t.equal(identifyFilesystem(marked).isClean, false, 'a FAT that was left dirty');
  sh(`/sbin/tune2fs -E force_fsck ${ext4} >/dev/null`);
  t.equal(first(ext4).isClean, false, 'an ext4 that is to be checked');
  t.equal(first(partitionTable).type, 'unknown');
  const small = join(folder, 'fat16');
  const old = join(folder, 'ext2');
  sh(
    `truncate -s 16M ${small} ${old}; /sbin/mkfs.vfat -F 16 -n SIXTEEN ${small} >/dev/null; /sbin/mke2fs -q -t ext2 ${old}`,
  );
  t.same(first(small), { type: 'vfat', label: 'SIXTEEN', isClean: true });
  t.equal(first(old).type, 'ext2');
  sh(`/sbin/mke2fs -q -F -t ext3 ${old}`);
  t.equal(first(old).type, 'ext3');
  for (const block of [1024, 2048, 4096]) {
    const told = sh(
      `truncate -s 900M ${old}; /sbin/mke2fs -F -n -t ext4 -b ${block} ${old} 2>/dev/null | sed -n '/Superblock backups/,$p' | grep -o '[0-9]*'`,
    );
    const copies = told.split('\n').filter((word) => word !== '');
    t.ok(copies.length > 2, `${copies.length} copies`);
    const inMiB = copies.map((word) => Math.floor((Number(word) * block) / 2 ** 20));
    const known = superblockCopiesMiB(900);
    t.same(
      inMiB.filter((at) => !known.includes(at)),
      [],
      `every copy of an ext4 with blocks of ${block} is known`,
    );
  }
  t.ok(superblockCopiesMiB(900).length < 25, 'few are looked for in vain');
});

t.test('disks', async (t) => {
  const [disk, ...others] = parseDisks(diskDump());
  t.same(others, []);
  t.equal(disk?.sizeBytes, 64 * 2 ** 20);
  t.equal(disk?.hasGpt, true);
  const [one, two] = disk?.partitions ?? [];
  t.match(one, { name: 'vda1', device: '254:1', label: 'one', startBytes: 2 ** 20, sizeBytes: 16 * 2 ** 20 });
  t.match(one?.entry, { name: 'one' });
  t.match(two, { label: 'two words', filesystem: { type: 'ext4', label: 'other-label' } });
  t.same(parseDisks(''), []);
  t.throws(() => parseDisks('sh: od: not found'), unreadable);
  const own = spawnSync('sh', ['-c', disksCommand], { encoding: 'utf8' });
  t.equal(own.status, 0, 'the command runs on this machine');
  for (const found of parseDisks(own.stdout)) t.ok(found.partitions.length > 0, found.name);
});

t.test('os-release', async (t) => {
  const fields = parseOsRelease('# comment\n\nID=boardrig\nNAME="A \\"B\\" \\$c"\nEMPTY=\nONE=\'x y\'\n');
  t.same(
    [...fields],
    [
      ['ID', 'boardrig'],
      ['NAME', 'A "B" $c'],
      ['EMPTY', ''],
      ['ONE', 'x y'],
    ],
  );
  t.throws(() => parseOsRelease('cat: no such file'), unreadable);
  t.throws(() => parseOsRelease('ID=a\nID=b'), unreadable);
});

t.test('the kernel log', async (t) => {
  t.same(parseKernelLog(kernelLog), [
    { level: 5, text: 'Linux version 6.1.0' },
    { level: 4, text: 'a warning' },
    { level: 6, text: 'with a caller' },
  ]);
  t.throws(() => parseKernelLog(''), unreadable, 'a log that is empty proves nothing');
  t.throws(() => parseKernelLog('dmesg: Operation not permitted'), unreadable);
});

t.test('the network', async (t) => {
  const parsed = parseRoutes(routes);
  t.match(defaultRoute(parsed), { interface: 'eth0', gateway: '10.0.2.2' });
  t.equal(defaultRoute(parseRoutes(routes.replace(/^.*00000000\t0202.*\n/m, ''))), undefined);
  t.equal(defaultRoute(parseRoutes(routes.replace('0003', '0002'))), undefined, 'a route that is not up');
  t.throws(() => parseRoutes('cat: /proc/net/route: No such file'), unreadable);
  t.ok(parseRoutes(readFileSync('/proc/net/route', 'utf8')), "this machine's own");

  t.same(
    parseAddresses(addresses).map(({ interface: name, address, prefixBits, scope }) => [
      name,
      address,
      prefixBits,
      scope,
    ]),
    [
      ['lo', '127.0.0.1', 8, 'host'],
      ['eth0', '10.0.2.15', 24, 'global'],
    ],
  );
  t.throws(() => parseAddresses('sh: ip: not found'), unreadable);

  const own = parseAddresses(addresses).slice(1);
  const leased = parseAddresses(addresses.replace('global eth0', 'global dynamic noprefixroute eth0')).slice(
    1,
  );
  t.same([own[0]?.isDynamic, leased[0]?.isDynamic], [false, true]);
  t.ok(isLeased(leased, processes), 'the address ends some time');
  t.ok(isLeased(own, `${processes}90 (udhcpc) S 1 90 90 0 -1 4194560\n`), 'a client of DHCP runs');
  t.notOk(isLeased(own, processes), 'set by hand');
  t.throws(() => isLeased(own, ''), unreadable);
  t.same(parseNameservers('search a\n# nameserver 1.1.1.1\nnameserver 10.0.2.3\nnameserver\t::1\n'), [
    '10.0.2.3',
    '::1',
  ]);

  t.ok(sameNetwork('10.0.2.15', '10.0.2.2', 24));
  t.notOk(sameNetwork('10.0.2.15', '10.0.3.2', 24));
  t.ok(sameNetwork('10.0.2.15', '192.168.0.1', 0));
  t.notOk(sameNetwork('10.0.2.15', '10.0.2.14', 32));
  t.throws(() => sameNetwork('10.0.2.256', '10.0.2.2', 24), unreadable);
});

t.test('the answer of a name server', async (t) => {
  const server = 'Server:\t\t10.0.2.3\nAddress:\t10.0.2.3:53\n\n';
  t.ok(isNameServerAnswer(`${server}** server can't find a.invalid: NXDOMAIN\n`), 'busybox, BIND');
  t.ok(isNameServerAnswer(`${server}Name:\ta.invalid\nAddress: 192.0.2.1\n`));
  t.ok(isNameServerAnswer("a.invalid: resolve call failed: 'a.invalid' not found"), 'resolvectl');
  t.notOk(isNameServerAnswer(';; connection timed out; no servers could be reached\n'));
  t.notOk(isNameServerAnswer(`${server}** server can't find a.invalid: timed out\n`), 'silence is no answer');
  t.notOk(isNameServerAnswer("nslookup: write to '127.0.0.1': Connection refused\n;; connection timed out"));
  t.notOk(isNameServerAnswer('nslookup: bind: Address already in use\n'), 'it could not even ask');
  t.throws(() => isNameServerAnswer('sh: resolvectl: not found'), unreadable);
});

t.test('who sits at a console', async (t) => {
  t.same(consoleUsers(busyConsoles, processes), [{ pid: 77, command: 'a (odd) name', console: 'ttyAMA0' }]);
  t.same(consoleUsers('', processes), [], 'no console at all');
  t.same(consoleUsers('ttyS0 -W- (EC p a) 4:64\n', processes), []);
  t.throws(() => consoleUsers(busyConsoles, ''), unreadable, 'no process proves nothing');
  t.throws(() => consoleUsers('cat: /proc/consoles: No such file', processes), unreadable);
  t.ok(Array.isArray(consoleUsers(sh(consolesCommand), sh(processesCommand))), "this machine's own");
});

t.test('what others wrote after the kernel', async (t) => {
  const text = 'U-Boot 2023\n[    0.0] Linux version 6\n[    1.5] usb 1-1: new\n\nsomething: hello \n';
  t.same(textAfterKernel(text, { literal: '] Linux version ' }), ['something: hello']);
  t.same(textAfterKernel(text, { regexp: 'Linux ver.*' }), ['something: hello']);
  t.same(textAfterKernel(text.replace('something: hello', ''), { literal: '] Linux version ' }), []);
  t.equal(textAfterKernel(text, { literal: 'Darwin' }), undefined);
  t.same(
    textAfterKernel(`${text}${text}`, { literal: '] Linux version ' }),
    ['something: hello'],
    'the last boot',
  );
});

t.test('uptime', async (t) => {
  t.equal(parseUptime('12.34 5.60\n'), 12340);
  t.ok(parseUptime(readFileSync('/proc/uptime', 'utf8')) > 0);
  t.throws(() => parseUptime('soon'), unreadable);
});

t.test('garbage is told apart from an answer and never crashes a parser', async (t) => {
  const gpt = readFileSync(partitionTable).subarray(512, 512 * 10);
  const parsers: Readonly<Record<string, readonly [whole: string, parse: (text: string) => unknown]>> = {
    mounts: [sh(mountsCommand), parseMounts],
    disks: [diskDump(), parseDisks],
    hex: ['00 ff 12', parseHex],
    gpt: [gpt.toString('latin1'), (text) => parseGpt(Buffer.from(text, 'latin1'), 512)],
    filesystem: [
      readFileSync(ext4).subarray(0, superblockBytes).toString('latin1'),
      (text) => identifyFilesystem(Buffer.from(text, 'latin1')),
    ],
    osRelease: ['ID=a\nNAME="b c"\n', parseOsRelease],
    kernelLog: [kernelLog, parseKernelLog],
    routes: [routes, parseRoutes],
    addresses: [addresses, parseAddresses],
    consoles: [busyConsoles, (text) => consoleUsers(text, processes)],
    processes: [processes, (text) => consoleUsers(busyConsoles, text)],
    uptime: ['12.34 5.60\n', parseUptime],
    listeners: [sh('cat /proc/net/tcp'), parseListeners],
    swaps: ['Filename\tType\tSize\n/dev/zram0 partition 229564 0 100\n', parseSwaps],
    units: ['LoadState=loaded\nActiveState=active\n', (text) => parseUnits(text, ['a'])],
    sections: [sh(joinCommands({ a: 'echo x' })), (text) => splitAnswer(text, ['a'])],
  };
  const random = randomFrom(20_240_607);
  for (const [name, [whole, parse]] of Object.entries(parsers)) {
    t.ok(parse(whole), `${name}: the whole answer is read`);
    const crashes: string[] = [];
    for (let round = 0; round < 200; round += 1) {
      const text = damage(whole, random);
      try {
        parse(text);
      } catch (error) {
        if (!(error instanceof RigError && error.code === 'facts.unreadable'))
          crashes.push(`${String(error)} at ${JSON.stringify(text.slice(0, 100))}`);
      }
    }
    t.same(crashes, [], `${name}: 200 damaged answers`);
  }
});

t.test('listening sockets, swaps and units', async (t) => {
  const heading =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
  const socket = (address: string, state: string) =>
    `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 11548 1`;
  const wide = (address: string) =>
    `   1: ${address} ${'0'.repeat(32)}:0000 0A 00000000:00000000 00:00000000`;
  const listeners = parseListeners(
    [
      heading,
      socket('0200007F:0035', '0A'),
      socket('0F02000A:1F90', '0A'),
      socket('00000000:0050', '0A'),
      socket('0F02000A:0016', '01'),
      heading.replace('rem', 'remote'),
      wide(`${'0'.repeat(32)}:56CE`),
      wide('0000000000000000FFFF00000F02000A:0051'),
      wide('00000000000000000000000001000000:0052'),
    ].join('\n'),
  );
  t.same(listeners[0], { port: 53, address: '127.0.0.2' });
  t.equal(listeners.length, 6, 'a connection is no listener');
  t.same(openPorts(listeners, ['10.0.2.15']), [80, 81, 8080, 22222], 'those on loopback are not open');
  t.ok(parseListeners(sh(listenersCommand)).length >= 0, "this machine's");
  t.throws(() => parseListeners('cat: not found'), unreadable);
  t.throws(() => parseListeners(`${heading}\n 0: nonsense`), unreadable);

  const swaps = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';
  t.same(parseSwaps(swaps), []);
  t.same(parseSwaps(`${swaps}/dev/zram0                              partition\t229564\t\t0\t\t100\n`), [
    { device: '/dev/zram0', kibibytes: 229_564 },
  ]);
  t.throws(() => parseSwaps(''), unreadable);
  t.throws(() => parseSwaps(`${swaps}what`), unreadable);

  const shown = `MainPID=12\nNRestarts=1\nId=a.service\nLoadState=loaded\nActiveState=active\n\nMainPID=0\nNRestarts=0\nId=b.service\nLoadState=not-found\nActiveState=inactive\n`;
  t.same(parseUnits(shown, ['a', 'b']), [
    { name: 'a', load: 'loaded', active: 'active', mainPid: 12, restarts: 1 },
    { name: 'b', load: 'not-found', active: 'inactive', mainPid: 0, restarts: 0 },
  ]);
  t.throws(() => parseUnits(shown, ['a']), unreadable, 'another number of units');
  t.throws(() => parseUnits('sh: systemctl: not found', ['a']), unreadable);
});

t.test('servers of the rig, asked by real clients', async (t) => {
  await using host = new TestHostServices({
    bindAddress: '127.0.0.1',
    observe: (_what, look) => look(),
    onRequest: () => {},
    derive: () => Promise.reject(new Error('no image is derived here')),
    bundle: () => Promise.reject(new Error('no bundle is made here')),
    signal: new AbortController().signal,
  });
  const names = await host.serveUdp(nameServer('only.example', '192.0.2.7'));
  const resolver = new Resolver({ timeout: 5_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${names.port}`]);
  t.same(await resolver.resolve4('ONLY.example'), ['192.0.2.7']);
  await t.rejects(resolver.resolve4('other.example'), { code: 'ENOTFOUND' });
  await t.rejects(resolver.resolve6('only.example'), { code: 'ENODATA' });
  t.equal(names.received, 3);
  const answer = nameServer('only.example', '192.0.2.7');
  for (const bytes of [[], [0], Array(12).fill(0), [...Array(5).fill(0), 1, ...Array(6).fill(0), 63]])
    t.equal(answer(Uint8Array.from(bytes)), undefined, `${bytes.length} bytes that are no question`);

  const at = Date.UTC(2030, 0, 1);
  const request = Buffer.alloc(48);
  request[0] = 0x23;
  request.write('mycookie', 40);
  const reply = Buffer.from(timeServer(() => at)(request) ?? []);
  t.equal(reply.length, 48);
  t.same([reply[0], reply[1]], [0x24, 1], 'a server of stratum 1, of the version that was asked for');
  t.equal(reply.toString('latin1', 24, 32), 'mycookie', 'the client knows its answer');
  t.equal((reply.readUInt32BE(40) - 2_208_988_800) * 1000, at, 'the time');
  t.equal(timeServer(() => at)(Buffer.alloc(47)), undefined);
  t.equal(timeServer(() => at)(Buffer.alloc(48)), undefined, 'no client asked');
});

t.test('a promise is kept unless the running system says that it is an edition without it', async (t) => {
  const lookUp = async (osRelease: string, name: 'engine' | 'wifi' | 'repair') => {
    const profile = {
      ...bareProfile,
      name: 'p',
      repair: true,
      wifi: true,
      editions: [{ when: { field: 'FLAVOUR', matches: '^tiny$' }, lacks: ['wifi'] }],
    };
    let skipped = '';
    const context = {
      board: { profile, shell: { text: async () => osRelease } },
      skip: (reason: string) => {
        skipped = reason;
        throw new Error('skipped');
      },
    } as unknown as TestContext;
    const found = await promised(context, name).catch(() => undefined);
    return { found, skipped };
  };
  t.same(await lookUp('FLAVOUR=tiny\n', 'wifi'), {
    found: undefined,
    skipped: 'the profile p does not promise wifi where FLAVOUR is "tiny"',
  });
  t.same(await lookUp('FLAVOUR=tiny\n', 'repair'), { found: true, skipped: '' }, 'another promise');
  t.same(await lookUp('FLAVOUR=full\n', 'wifi'), { found: true, skipped: '' });
  t.same(await lookUp('ID=x\n', 'wifi'), { found: true, skipped: '' }, 'a missing field exempts nothing');
  t.same(await lookUp('ID=x\n', 'engine'), {
    found: undefined,
    skipped: 'the profile p does not promise engine',
  });
});

const ledTest = 'boot/a LED follows what the system tells it';

function testsOf({ name, tests }: SuiteDefinition): string[] {
  return tests.map((test) => `${name}/${test.name}`);
}

t.test(
  'every test of the suites is seen to fail by a mutation, and every prediction names a test',
  async (t) => {
    const predicted = new Set(batches.flatMap((batch) => Object.keys(predictionOf(batch).fails)));
    const all = suites.flatMap(testsOf);
    t.ok(all.length > 20, `${all.length} tests`);
    t.same(
      all.filter((name) => !predicted.has(name)),
      // The boards of the mutations have no LED: it is seen to fail below.
      [ledTest],
      'tests that no mutation makes fail',
    );
    // Of these only some have mutations: the tests of `rig flash`, and updates of scripts, cover the others.
    const known = [...all, ...[flashingSuite, rollbackSuite].flatMap(testsOf)];
    t.same(
      [...predicted].filter((name) => !known.includes(name)),
      [],
      'predictions of tests that are not there',
    );
  },
);

t.test('the table of behaviours names every test, with its tier, and none that is not there', (t) => {
  const tiers = new Map(
    [...suites, flashingSuite, rollbackSuite].flatMap((suite) =>
      suite.tests.map((test) => [`${suite.name}/${test.name}`, test.options.tier]),
    ),
  );
  const names = [...tiers.keys()];
  const suiteName = new RegExp(
    `\\b(?:${[...new Set(names.map((name) => name.split('/')[0]))].join('|')})/`,
    'g',
  );
  const rows = readFileSync(join(packageRoot, 'suites/README.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(' | '));
  const named = new Set<string>();
  for (const [behaviour = '', tests = '', , told = ''] of rows) {
    const found = [...tests.matchAll(suiteName)].map(({ index }) => {
      // One name may be the beginning of another.
      const here = names.filter((name) => tests.startsWith(name, index));
      return here.sort((a, b) => b.length - a.length)[0] ?? tests.slice(index, index + 60);
    });
    for (const name of found) named.add(name);
    t.same(
      found.filter((name) => !tiers.has(name)),
      [],
      `${behaviour}: its tests are there`,
    );
    const own = new Set(found.map((name) => tiers.get(name)));
    if (own.size > 0) t.same(new Set(told.replace(' |', '').split(', ')), own, `${behaviour}: their tiers`);
  }
  t.same(
    names.filter((name) => !named.has(name)),
    [],
    'tests that the table leaves out',
  );
  t.end();
});

t.test("the page's example is a suite that loads", async (t) => {
  const page = readFileSync(join(packageRoot, 'docs/write-a-suite.md'), 'utf8');
  const [, example] = /```ts my-suite\.ts\n(.*?)```/s.exec(page) ?? [];
  t.ok(example, 'the page has an example');
  writeFileSync(join(folder, 'my-suite.ts'), example ?? '');
  const rig = (file: string) =>
    spawnSync(
      process.execPath,
      [join(packageRoot, 'dist/rig/cli/main.js'), 'run', `./${file}`, '--list', '--board', 'virt-arm64'],
      { cwd: folder, encoding: 'utf8' },
    );
  const { stdout, stderr, status } = rig('my-suite.ts');
  t.match(stdout, 'virt-arm64/shop/keeps a setting over a reboot\n');
  t.match(stdout, 'virt-arm64/shop/has memory to spare\n');
  t.same({ stderr, status }, { stderr: '', status: 0 });
  writeFileSync(join(folder, 'broken.ts'), 'export default 1;');
  t.equal(rig('broken.ts').status, 2, 'a file that is no suite does not load');
});

/** Cuts, repeats, drops or overwrites a piece, as a board that dies or a kernel that talks in between does. */
function damage(whole: string, random: (below: number) => number): string {
  const from = random(whole.length);
  const to = from + random(Math.min(40, whole.length - from) + 1);
  const noise = Array.from({ length: random(12) }, () => String.fromCharCode(random(256))).join('');
  switch (random(4)) {
    case 0:
      return whole.slice(0, from);
    case 1:
      return whole.slice(0, from) + whole.slice(to);
    case 2:
      return whole.slice(0, from) + noise + whole.slice(to);
    default:
      return whole.slice(0, to) + whole.slice(from);
  }
}

/** Numbers from a seed (Lehmer, 16807 modulo 2^31 - 1), so that a failure can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 16_807) % 2_147_483_647;
    return state % Math.max(1, below);
  };
}

t.test('a LED that does not follow what the system tells it is found', async (t) => {
  const levels = async (line: { lit: 0 | 1 }) => {
    let brightness = 0;
    const wrong: string[] = [];
    const context = {
      board: {
        type: { inventory: { leds: { ACT: 'act', PWR: null } } },
        shell: {
          text: async (command: string) => {
            brightness = Number(/echo ([01]) >/.exec(command)?.[1] ?? brightness);
            return 'mmc0';
          },
        },
        gpio: { read: async () => (brightness === 1 ? line.lit : 0) },
      },
      step: (_name: string, body: () => Promise<void>) => body(),
      not: (found: unknown, unwanted: unknown, name: string) => found === unwanted && wrong.push(name),
      equal: (found: unknown, wanted: unknown, name: string) => found !== wanted && wrong.push(name),
    };
    const [, name = ''] = ledTest.split('/');
    await bootSuite.tests.find((test) => test.name === name)?.body(context as unknown as TestContext);
    return wrong;
  };
  t.same(await levels({ lit: 1 }), []);
  t.same(await levels({ lit: 0 }), ['line act changes when ACT is lit']);
});
