import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import type { BoardType } from '../rig/contracts/board.js';
import { ConsoleShell } from '../rig/core/console/console-shell.js';
import { ConsoleEngine } from '../rig/core/console/engine.js';
import { median } from '../rig/core/statistics/median.js';
import { ConsoleLog } from '../rig/record/console-log.js';
import { SecretMask } from '../rig/record/secrets.js';
import { bootText, inRandomChunks, senderSource } from './console/flood.js';
import type { BenchRow } from './row.js';

const megabyte = 1_000_000;
const sizeMegabytes = 20;
const goalMegabytesPerSecond = 50;
const roundTrips = 150;

const signatures: BoardType['signatures'] = {
  firmware: { literal: 'U-Boot SPL' },
  bootloader: { literal: 'U-Boot 20' },
  kernel: { literal: '] Linux version ' },
  init: { regexp: '^init: started' },
  login: { literal: 'login: ' },
  prompt: { regexp: '# $' },
};

/** The console path against labgrid's matcher, and the marked shell against a bare write and read. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rig-bench-'));
  try {
    const ours = await consolePath(folder, sizeMegabytes);
    const peerAtOne = await labgridMatcher(folder, 1);
    const peerAtTwo = await labgridMatcher(folder, 2);
    const shell = await shellRoundTrip(folder);
    return [
      {
        what: `console path (socket, log, secrets, epochs, ANSI, stages, panic, 3 patterns, chunks of 1 to 4096 bytes), ${sizeMegabytes} MB`,
        value: ours.megabytesPerSecond,
        unit: 'MB per CPU s',
        compared: { with: "labgrid's pexpect, 1 MB (it is quadratic)", value: peerAtOne },
        goal: {
          text: `≥ ${goalMegabytesPerSecond}`,
          met: ours.megabytesPerSecond >= goalMegabytesPerSecond,
        },
      },
      {
        what: "labgrid's pexpect at twice the text, 2 MB",
        value: peerAtTwo,
        unit: 'MB per CPU s',
        compared: { with: 'itself at 1 MB', value: peerAtOne },
      },
      {
        what: `console path, memory growth from 5 to ${sizeMegabytes} MB`,
        value: ours.growthMegabytes,
        unit: 'MB of RSS',
        goal: { text: '≤ 20', met: ours.growthMegabytes <= 20 },
      },
      {
        // For information: the goal is one of a guest (guest.ts), where the line and not the rig takes the time.
        what: "console shell, round trip to this host's own shell on a pty",
        value: shell.shellMs,
        unit: 'ms',
        compared: { with: 'a bare write and read', value: shell.rawMs },
      },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function consolePath(
  folder: string,
  megabytes: number,
): Promise<{ megabytesPerSecond: number; growthMegabytes: number }> {
  await using log = await ConsoleLog.open(join(folder, 'console.raw'));
  using engine = makeEngine(log, async () => undefined);
  let fed = 0;
  let rssAtFive = 0;
  let peakRss = 0;
  await using sender = await floodFrom(folder, megabytes, (chunk) => {
    engine.feed(chunk);
    const before = fed;
    fed += chunk.length;
    if (Math.floor(fed / megabyte) === Math.floor(before / megabyte)) return;
    const { rss } = process.memoryUsage();
    if (fed <= 5 * megabyte) rssAtFive = Math.max(rssAtFive, rss);
    peakRss = Math.max(peakRss, rss);
  });
  const cpu = process.cpuUsage();
  sender.start();
  await engine.expect(['never printed', 'board login: ', /^never (\w+)/], { timeoutMs: 300_000 });
  await log.flush();
  const { user, system } = process.cpuUsage(cpu);
  return {
    megabytesPerSecond: megabytes / ((user + system) / 1e6),
    growthMegabytes: Math.max(0, peakRss - rssAtFive) / megabyte,
  };
}

async function labgridMatcher(folder: string, megabytes: number): Promise<number> {
  const file = await textFile(folder, megabytes);
  const path = join(folder, `peer-${megabytes}.sock`);
  // The sender connects to its reader here, labgrid's side connects too: a relay joins them.
  const relay = createServer((reader) => {
    const server = createServer((source) => source.pipe(reader));
    server.listen(`${path}.in`, () => {
      const sender = spawn(process.execPath, ['-e', senderSource, `${path}.in`, file], { stdio: 'inherit' });
      reader.on('close', () => {
        sender.kill();
        server.close();
      });
    });
  });
  await new Promise<void>((resolve) => relay.listen(path, resolve));
  try {
    const script = join(packageRoot, 'bench/console/labgrid_matcher.py');
    const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-W', 'ignore', script, path]);
    return megabytes / Number(stdout);
  } finally {
    relay.close();
  }
}

async function floodFrom(
  folder: string,
  megabytes: number,
  data: (chunk: Uint8Array) => void,
): Promise<AsyncDisposable & { start(): void }> {
  const file = await textFile(folder, megabytes);
  const path = join(folder, 'flood.sock');
  const server = createServer((line) => line.on('data', inRandomChunks(data)));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  let child: ChildProcess | undefined;
  return {
    start: () => {
      child = spawn(process.execPath, ['-e', senderSource, path, file], { stdio: 'inherit' });
    },
    [Symbol.asyncDispose]: async () => {
      await end(child);
      server.close();
    },
  };
}

async function textFile(folder: string, megabytes: number): Promise<string> {
  const file = join(folder, `text-${megabytes}`);
  await writeFile(file, bootText(megabytes * megabyte));
  return file;
}

/** Medians of round trips on one pseudo-terminal, in turns: a bare `echo`, and `echo` through the shell. */
async function shellRoundTrip(folder: string): Promise<{ rawMs: number; shellMs: number }> {
  await using log = await ConsoleLog.open(join(folder, 'shell.raw'));
  const child = spawn('script', ['-qfc', 'sh -i', '/dev/null'], {
    env: { PATH: process.env.PATH, PS1: '# ' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  using engine = makeEngine(log, async (bytes) => void child.stdin.write(bytes));
  engine.openEpoch('power-on');
  child.stdout.on('data', (chunk: Buffer) => engine.feed(chunk));
  const shell = new ConsoleShell({ engine, access: { name: 'pty', signatures } });
  try {
    await shell.ready();
    const raw: number[] = [];
    const marked: number[] = [];
    for (let round = 0; round < roundTrips; round += 1) {
      const word = randomBytes(6).toString('hex');
      raw.push(
        await timed(async () => {
          const answer = shown(child, `<${word}`);
          child.stdin.write(`echo "<"${word}\n`);
          await answer;
        }),
      );
      marked.push(await timed(async () => void (await shell.run(`echo ${word}`))));
    }
    return { rawMs: median(raw), shellMs: median(marked) };
  } finally {
    await end(child);
  }
}

/** Resolves when the child has printed `text`. */
function shown(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    let all = '';
    const listen = (chunk: Buffer): void => {
      all += chunk.toString('latin1');
      if (!all.includes(text)) return;
      child.stdout?.off('data', listen);
      resolve();
    };
    child.stdout?.on('data', listen);
  });
}

function makeEngine(log: ConsoleLog, write: (bytes: Uint8Array) => Promise<void>): ConsoleEngine {
  return new ConsoleEngine({
    boardName: 'bench',
    signatures,
    write,
    sendBreak: async () => undefined,
    log,
    secrets: new SecretMask(['a-secret-of-the-lab']),
    clock: () => performance.now(),
    scale: 1,
    evidence: () => ({ power: 'on', lineOpen: true, lineProven: true }),
    onEpoch: () => undefined,
    onBytes: () => undefined,
    onSighting: () => undefined,
    onInput: () => undefined,
  });
}

async function timed(body: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await body();
  return performance.now() - began;
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}
