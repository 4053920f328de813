import type { ErrorRecord } from '../../rig/contracts/errors.js';
import { countVerdicts, exitCodeOf, verdicts } from '../../rig/contracts/verdict.js';
import { boot } from './boot-texts.js';
import { Story } from './story.js';

const arm = { name: 'virt-arm64', type: 'virt-arm64' };

function finish(story: Story): void {
  const counts = countVerdicts(story.verdicts);
  story.emit({ type: 'run.end', counts, exitCode: exitCodeOf(counts) });
}

function bootSuiteHead(story: Story): void {
  story.passes('boot stages come in order', (s) => {
    s.step('power on', () => s.power('on'));
    s.step('wait for each stage', () => boot(s));
    for (const stage of ['firmware', 'bootloader', 'kernel', 'init', 'shell'])
      s.ok(`${stage} comes after the one before`);
    s.measure('power to shell', 4.02, 's');
  });
  story.passes('boots from the partition it was told to', (s) =>
    s.shell('findmnt -no SOURCE /').ok('/ is resin-rootA'),
  );
  story.passes('root is read-only and refuses a write', (s) =>
    s.shell('touch /new').ok('/ is mounted ro').ok('a write to / is refused'),
  );
  story.passes('the five partitions have their types and labels', (s) => {
    s.shell('blkid');
    for (const label of ['resin-boot', 'resin-rootA', 'resin-rootB', 'resin-state', 'resin-data'])
      s.ok(`${label} is there`);
  });
}

/** Every test of both suites passes. */
export async function allPassed(runsDir: string): Promise<string> {
  await using story = await Story.begin(runsDir, { startedAt: '2026-03-09T21:02:44.000Z' });
  story.after(310).board(arm).suite('boot', 7);
  bootSuiteHead(story);
  story.passes('data has grown to fill the medium');
  story.passes('state survives a reboot, tmpfs does not', (s) => {
    s.step('write to both', () => s.shell('echo 1 > /mnt/state/x; echo 1 > /tmp/x'));
    s.step('reboot', () => {
      s.shell('reboot')
        .say('init: going down for reboot\r\n[   41.220101] reboot: Restarting system\r\n', 400)
        .reset();
      boot(s, { slow: 1.1 });
    });
    s.ok('state kept its file').ok('tmpfs lost its file');
  });
  story.passes('no kernel warning in the log').endSuite();
  story
    .suite('networking', 2)
    .passes('address by DHCP')
    .passes('DNS resolves through the resolver of the lease')
    .endSuite();
  story.power('off').after(120).close(2);
  finish(story);
  return story.recorder.dir;
}

/** A display of one black point. */
const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgYGAAAAAEAAHI6uv5AAAAAElFTkSuQmCC',
  'base64',
);

const dnsError: ErrorRecord = {
  code: 'test.assertion',
  blame: 'board',
  message: 'Assertion failed: the name server of the lease is used (and 1 more of 4)',
  hint: 'The board answered, and the answer is not what its profile promises: see found and wanted.',
  evidence: { server: '10.0.2.3', queriesSeen: 0, answeredOverTcp: false },
};

const hungInit: ErrorRecord = {
  code: 'boot.stage-missing',
  blame: 'board',
  message:
    'Cannot see "login: " on the console of virt-arm64 within 42000 ms: it reached init after 2.3 s and said nothing more\nlast lines:\n  [  OK  ] state mounted\n  [  OK  ] eth0: 10.0.2.15/24 by DHCP, default via 10.0.2.2',
  hint: 'Look at what init started last; the processes and the kernel log are among the evidence.',
  causes: ['The console was silent for 38.6 s while the guest used 0.02 CPU s: it waits for something'],
  evidence: { reached: 'init', silentMs: 38_600, guestCpuSeconds: 0.02 },
};

const portTaken: ErrorRecord = {
  code: 'host.port-in-use',
  blame: 'rig',
  message: 'Cannot serve HTTP to virt-arm64 on 127.0.0.1:8080: the port is in use',
  hint: 'End the process that listens there (ss -ltnp), or let the rig choose a free port.',
  causes: ['listen EADDRINUSE: address already in use 127.0.0.1:8080'],
  stack: 'RigError: Cannot serve HTTP\n    at serveHttp (rig/core/runner/host-services.js:31:11)',
};

/** Each verdict, with all that an engineer would want to read of it. The screenshot of the README shows this one. */
export async function everyVerdict(runsDir: string): Promise<string> {
  await using story = await Story.begin(runsDir, {
    argv: ['run', 'boot', 'networking', '--board', 'virt-arm64', '--retries', '1'],
  });
  story.after(310).board(arm).suite('boot', 9);
  bootSuiteHead(story);
  story.passes('data has grown to fill the medium', (s) =>
    s.shell('df /mnt/data').ok('data fills the medium').measure('data partition', 1_482, 'MiB'),
  );
  story.passes('boot id changes over a power cut', (s) => {
    s.step('cut the power', () => s.power('off').after(500));
    s.step('boot again', () => {
      s.power('on');
      boot(s);
    });
    s.ok('the boot id is another');
  });
  story.start('five power cycles in a row');
  for (let cycle = 1; cycle <= 3; cycle += 1) {
    const stuck = cycle === 3;
    story.step(
      `cycle ${cycle}`,
      (s) => {
        s.power('off').after(500).power('on');
        boot(s, { until: stuck ? 'init' : 'shell' });
        if (stuck) s.after(38_600);
        else s.ok(`cycle ${cycle}: a shell answers`);
      },
      stuck ? hungInit : undefined,
    );
  }
  await story.evidence('console.txt', 'see the time line');
  await story.evidence(
    'dmesg.txt',
    '[    0.611804] Run /sbin/init as init process\n[    3.100211] \x1b[33mrandom: crng init done\x1b[0m\n',
  );
  await story.evidence(
    'processes.txt',
    'PID USER COMMAND\n  1 root {init} /bin/sh /sbin/init\n 88 root flock /run/resin.lock true\n',
  );
  await story.evidence('screen.png', pixel);
  story.end({ verdict: 'failed', error: hungInit });
  story.power('off').after(500).power('on');
  boot(story);
  story.start('no kernel warning in the log').shell('dmesg --level=warn');
  story.notOk('no line at warning level or above', {
    found:
      '[    1.204411] virtio_net virtio1: output.0:id 12 is not a head!\n[    1.204500] net eth0: transmit queue stuck',
    wanted: '',
  });
  story.end({
    verdict: 'failed',
    final: null,
    error: {
      ...dnsError,
      message: 'Assertion failed: no line at warning level or above',
      evidence: { lines: 2 },
    },
  });
  story
    .start('no kernel warning in the log', 2)
    .shell('dmesg --level=warn')
    .ok('no line at warning level or above');
  story.end({ verdict: 'passed', final: 'flaky' });
  story
    .start('dev and prod differ as they should')
    .end({ verdict: 'skipped', reason: 'no prod image was given' });
  story.endSuite().suite('networking', 6);
  story.passes('address by DHCP', (s) =>
    s.shell('ip -j addr').ok('eth0 has an address').ok('it is in the subnet of the lease'),
  );
  story.start('DNS resolves through the resolver of the lease');
  story.step(
    'ask for a name',
    (s) => {
      s.shell('nslookup board.test', 5_020).ok('the resolver answers at all');
      s.notOk('the name server of the lease is used', { found: '1.1.1.1', wanted: '10.0.2.3' });
      s.step('compare /etc/resolv.conf', () =>
        s.shell('cat /etc/resolv.conf').notOk('resolv.conf names the server of the lease', {
          found: '# made by init\nnameserver 1.1.1.1\noptions edns0\n',
          wanted: 'nameserver 10.0.2.3\n',
          diff: '--- wanted\n+++ found\n@@ -1,1 +1,3 @@\n-nameserver 10.0.2.3\n+# made by init\n+nameserver 1.1.1.1\n+options edns0\n',
        }),
      );
    },
    dnsError,
  );
  await story.evidence(
    'network.txt',
    'eth0 UP 10.0.2.15/24\ndefault via 10.0.2.2 dev eth0\nnameserver 1.1.1.1\n',
  );
  story.end({ verdict: 'failed', error: dnsError });
  story.passes('link down is noticed, link up recovers', (s) => {
    s.step('link down', () =>
      s
        .link('down')
        .say('[   12.881190] virtio_net virtio1 eth0: Lost carrier\r\n', 300)
        .ok('the carrier is gone'),
    );
    s.step('link up', () =>
      s
        .after(900)
        .link('up')
        .say(
          '[   14.003215] virtio_net virtio1 eth0: Gained carrier\r\n\x1b[32m[  OK  ]\x1b[0m eth0: 10.0.2.15/24 by DHCP\r\n',
          700,
        )
        .ok('the address is back'),
    );
    s.measure('carrier to address', 0.68, 's');
  });
  story.start('HTTP out to a server of the rig').after(140).end({ verdict: 'errored', error: portTaken });
  const broken: ErrorRecord = {
    code: 'qemu.exited',
    blame: 'rig',
    message: 'QEMU of virt-arm64 ended by itself: killed by SIGKILL',
    hint: 'Look for the out-of-memory killer in the host log.',
  };
  story.power('off', 'board').emit({ type: 'board.broken', board: arm.name, error: broken });
  for (const name of ['HTTP in through the forwarded port', 'hostname comes from config.json'])
    story
      .start(name)
      .end({ verdict: 'blocked', reason: `the board is broken: ${broken.message}`, error: broken });
  story.endSuite().emit({
    type: 'log',
    level: 'warning',
    message: 'No evidence "journal": the image has none',
    board: arm.name,
  });
  story.after(90).close(6);
  finish(story);
  return story.recorder.dir;
}

/** What a hostile board could say; whatever of it acts in a report is a hole. */
export const hostile = {
  script: '<script>window.pwned = 1</script>',
  image: '<img src=x onerror="window.pwned = 2">',
  closers: ']]></script></style></title></textarea><!-- --><svg onload=window.pwned=3>',
  attribute: `"' onmouseover='window.pwned=4' autofocus onfocus=window.pwned=5 x="`,
  ansi: '\x1b[31mred\x1b[0m \x1b[2J\x1b[1;1H\x1b]0;title\x07\x1b]8;;javascript:window.pwned=6\x1b\\link\x1b]8;;\x1b\\ \x1b[38;5;196mp\x1b[48;2;1;2;3mq\x1b[999999999999m\x1b[',
  bidi: 'user\u202e\u2066evil\u2069\u2066gpj.exe\u200f\ufeff',
  controls: 'nul\0 bell\x07 del\x7f c1\x9b31m csi vt\x0b ff\x0c bs\b cr\rover',
  lone: 'high\ud800 low\udfff swapped\udc00\ud83d',
  yaml: '...\n---\nok 1 - forged\nBail out! forged\n# Subtest: forged\n1..0',
  binary: Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28, 0xf0, 0x9f, 0x98, 0x0d, 0x0a, 0xed, 0xa0, 0x80, 0x0a]),
} as const;

/** Every text that a board or a suite can put into a run is hostile, and the console floods with 2 MB. */
export async function hostileRun(runsDir: string): Promise<string> {
  const everything = Object.values(hostile)
    .filter((text) => typeof text === 'string')
    .join(' ');
  await using story = await Story.begin(runsDir, { argv: ['run', `a'b ${hostile.script}`, '--seed', '7'] });
  const name = '../<b>&\u202e/board';
  story.board({ name, type: hostile.image }).suite(`s ${hostile.script}`, 4).power('on');
  const oneLine = everything.replaceAll('\n', ' ');
  story.start(`# ${oneLine} # SKIP no \\# SKIP no`);
  for (const text of Object.values(hostile)) story.say(text).say('\r\n');
  story.step(hostile.closers, (s) =>
    s.notOk(everything, { [hostile.closers]: everything, found: everything, wanted: hostile.yaml }),
  );
  const error: ErrorRecord = {
    code: 'board.hostile',
    blame: 'board',
    message: everything,
    hint: hostile.yaml,
    causes: [everything],
    evidence: { [hostile.image]: hostile.script },
  };
  await story.evidence(`../../x${hostile.script}.html`, everything);
  story.emit({ type: 'evidence', ...story.place, name: 'outside', file: '../../../etc/passwd' });
  story.emit({ type: 'evidence', ...story.place, name: 'script', file: 'javascript:window.pwned=7' });
  story.measure(everything, Number.MAX_VALUE, hostile.script);
  story.end({ verdict: 'failed', error });
  story.start('flood');
  const line = `${hostile.script} & ${'<'.repeat(60)} \x1b[35mx\x1b[0m\0\r\n`;
  for (let said = 0; said < 2 * 1024 * 1024; said += line.length * 400) story.say(line.repeat(400), 5);
  story.say(`${'endless '.repeat(40_000)}`, 5);
  story.end({ verdict: 'failed', error });
  story.start('skipped').end({ verdict: 'skipped', reason: everything });
  story.start('blocked').end({ verdict: 'blocked', reason: everything, error });
  story.endSuite().emit({ type: 'log', level: 'warning', message: everything, board: name });
  story.close(1);
  finish(story);
  return story.recorder.dir;
}

/** Killed in the middle of its third test. The log's last line is cut by the caller. */
export async function truncatedRun(runsDir: string): Promise<string> {
  await using story = await Story.begin(runsDir);
  story.after(300).board(arm).suite('boot', 7);
  bootSuiteHead(story);
  story.start('state survives a reboot, tmpfs does not').openStep('reboot').shell('reboot').reset();
  boot(story, { until: 'kernel' });
  return story.recorder.dir;
}

/** @returns how many tests `everyVerdict` tells, by verdict */
export const everyVerdictCounts = { passed: 8, failed: 2, errored: 1, blocked: 2, skipped: 1, flaky: 1 };
if (verdicts.some((verdict) => !(verdict in everyVerdictCounts))) throw new Error('a verdict has no story');
