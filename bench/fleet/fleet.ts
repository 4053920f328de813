import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConsoleEngine } from '../../rig/core/console/engine.js';
import { ConsoleLog } from '../../rig/record/console-log.js';
import { RunRecorder } from '../../rig/record/recorder.js';
import { SecretMask } from '../../rig/record/secrets.js';
import { recording } from './recording.js';

/** What is not answered so long after the last byte never will be. */
const lastWaitMs = 2_000;

const sender = fileURLToPath(new URL('./sender.js', import.meta.url));

export interface FleetOptions {
  /** An empty folder. */
  readonly folder: string;
  /** At most 256. */
  readonly boards: number;
  /** That each board says. */
  readonly bytes: number;
  readonly baud: number;
}

export interface FleetResult {
  /** Of one core, for all boards together, while they spoke. */
  readonly cpuShare: number;
  /** Resident memory that the boards took, at its highest. */
  readonly growthBytes: number;
  readonly seconds: number;
  /** Boards whose log is not what was sent, byte for byte. */
  readonly wrongLogs: readonly number[];
  /** Boards whose waits were not answered, each and in order. */
  readonly wrongWaits: readonly number[];
  readonly waits: number;
}

/** Many boards in this process: each with its line, console engine, log and events, and a suite that waits for one line after the other. */
export async function fleet({ folder, boards, bytes, baud }: FleetOptions): Promise<FleetResult> {
  mkdirSync(join(folder, 'run'));
  const mask = new SecretMask(['a-secret-of-the-lab']);
  await using recorder = await RunRecorder.create({ runsDir: folder, dir: join(folder, 'run'), mask });
  const before = process.memoryUsage().rss;
  let peak = before;
  const done: Promise<Board>[] = [];
  const servers = Array.from({ length: boards }, (_, board) =>
    // A line says nothing to anybody before its engine listens.
    createServer({ pauseOnConnect: true }, (line) =>
      done.push(follow(line, { board, recorder, mask, bytes })),
    ).listen(join(folder, `${board}.sock`)),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const began = performance.now();
  const cpu = process.cpuUsage();
  const child = spawn(process.execPath, [sender, folder, String(boards), String(bytes), String(baud)], {
    stdio: 'inherit',
  });
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 100);
  await once(child, 'exit');
  const all = await Promise.all(done);
  clearInterval(watch);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - began) / 1000;
  for (const server of servers) server.close();
  const sent = all.map(({ board }) => recording(board, bytes));
  return {
    cpuShare: (user + system) / 1e6 / seconds,
    growthBytes: peak - before,
    seconds,
    waits: sent.reduce((sum, { marks }) => sum + marks.length, 0),
    wrongLogs: all
      .filter(({ log }, index) => !readFileSync(log).equals(sent[index]?.text ?? Buffer.alloc(0)))
      .map(({ board }) => board),
    wrongWaits: all
      .filter(({ answered }, index) => answered.join() !== sent[index]?.marks.join())
      .map(({ board }) => board),
  };
}

interface Board {
  readonly board: number;
  readonly log: string;
  /** What the waits saw, in the order in which they were answered. */
  readonly answered: readonly string[];
}

async function follow(
  line: Socket,
  { board, recorder, mask, bytes }: { board: number; recorder: RunRecorder; mask: SecretMask; bytes: number },
): Promise<Board> {
  const name = `board-${board}`;
  const path = recorder.consolePath(name);
  await using log = await ConsoleLog.open(path);
  using engine = new ConsoleEngine({
    boardName: name,
    signatures: {},
    write: async () => undefined,
    sendBreak: async () => undefined,
    log,
    secrets: mask,
    clock: () => performance.now(),
    scale: 1,
    evidence: () => ({ power: 'on', lineOpen: true, lineProven: true }),
    onEpoch: ({ epoch, reason, offset }) =>
      recorder.emit({ type: 'epoch', board: name, epoch, reason, offset }),
    onBytes: (chunk) => recorder.emit({ type: 'console', board: name, ...chunk }),
    onSighting: () => undefined,
    onInput: () => undefined,
  });
  engine.openEpoch('power-on');
  const answered: string[] = [];
  const { marks } = recording(board, bytes);
  line.on('data', (chunk: Buffer) => engine.feed(chunk));
  const over = new AbortController();
  line.once('end', () => setTimeout(() => over.abort(), lastWaitMs).unref());
  line.resume();
  await answerEach(engine, { marks, answered, signal: over.signal });
  if (!line.readableEnded) await once(line, 'end');
  return { board, log: path, answered };
}

/** As a suite does: the next wait begins when the one before was answered. */
async function answerEach(
  engine: ConsoleEngine,
  { marks, answered, signal }: { marks: readonly string[]; answered: string[]; signal: AbortSignal },
): Promise<void> {
  for (const mark of marks) {
    const match = await engine.expect(mark, { timeoutMs: 120_000, signal }).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (!match) return;
    answered.push(match.text);
  }
}
