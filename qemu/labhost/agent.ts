// Runs inside the lab host, as the only program of its process 1: does what the host outside asks for.
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, openSync, readdirSync, readFileSync, realpathSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LineLevel } from '../../rig/contracts/capabilities.js';
import { watchPort } from './port-watch.js';
import { agentPort, type LabAnswer, type LabRequest } from './protocol.js';
import { SimLines } from './sim-lines.js';

const running = new Map<number, ChildProcess>();
let file = -1;
const changed = (line: string, level: LineLevel): void => tell({ kind: 'level', line, level });
const lines = new SimLines(changed);

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main();

function main(): void {
  file = openSync(findPort(), 'r+');
  createInterface({ input: createReadStream('', { fd: file, autoClose: false }) })
    .on('line', (line) => obey(JSON.parse(line) as LabRequest))
    // The host is gone.
    .on('close', () => process.exit(0));
  lines.look();
  tell({ kind: 'ready' });
}

function obey(request: LabRequest): void {
  const { id } = request;
  try {
    if (request.do === 'run') {
      run(request);
      return;
    }
    switch (request.do) {
      case 'kill':
        running.get(request.of)?.kill(request.signal);
        break;
      case 'chip':
        lines.add(request.label, request.lines);
        break;
      case 'pull':
        lines.pull(request.line, request.level);
        break;
      case 'watch-port':
        watchPort(request.mac, (isUp) => changed(request.line, isUp ? 1 : 0));
        break;
      case 'end':
        process.exit(0);
    }
    tell({ kind: 'done', id });
  } catch (error) {
    tell({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error) });
  }
}

function run({ id, program, args, cwd, env }: Extract<LabRequest, { do: 'run' }>): void {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.set(id, child);
  for (const [stream, output] of [
    ['out', child.stdout],
    ['err', child.stderr],
  ] as const)
    output.setEncoding('utf8').on('data', (text: string) => tell({ kind: 'output', id, stream, text }));
  child.once('error', (error) => tell({ kind: 'failed', id, message: error.message }));
  child.once('close', (code, signal) => {
    running.delete(id);
    tell({ kind: 'ended', id, code, signal });
  });
}

function tell(answer: LabAnswer): void {
  const bytes = Buffer.from(`${JSON.stringify(answer)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** The device of the port with our name; udev's link to it is not waited for. */
function findPort(): string {
  const folder = '/sys/class/virtio-ports';
  const port = readdirSync(folder).find(
    (name) => readFileSync(`${folder}/${name}/name`, 'utf8').trim() === agentPort,
  );
  if (port === undefined) throw new Error(`this machine has no virtio port ${agentPort}`);
  return `/dev/${port}`;
}
