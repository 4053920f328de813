import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { BoardConfig } from '../../rig/contracts/board.js';
import type { ConsoleLine } from '../../rig/contracts/capabilities.js';
import type { Device, DeviceEvent, Driver, DriverContext } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { interlocked } from '../../rig/core/session/interlock.js';
import { mergeCapabilities } from '../../rig/core/session/merge.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { bareProfile } from '../fakes/bare-profile.js';

export const patienceMs = 20_000;

export const board: BoardConfig = {
  name: 'desk',
  type: {
    name: 'desk',
    summary: '',
    arch: 'arm64',
    capabilities: [],
    signatures: {},
    profile: 'bare',
    flash: 'none',
    inventory: {},
    budgetsMs: { shell: 1_000 },
  },
  profile: bareProfile,
  labels: [],
  drivers: {},
};

export function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'drivers-test-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** @param stateDir default: a folder that nothing survives in */
export function context(events: DeviceEvent[] = [], stateDir = passingFolder()): DriverContext {
  return { board, workDir: stateDir, stateDir, emit: (event) => void events.push(event) };
}

let passing: string | undefined;

function passingFolder(): string {
  if (passing === undefined) {
    const root = mkdtempSync(join(tmpdir(), 'drivers-test-'));
    process.once('exit', () => rmSync(root, { recursive: true, force: true }));
    passing = root;
  }
  return mkdtempSync(join(passing, 'session-'));
}

/** Devices of one board as one, as a session merges them. */
export function joined(devices: readonly Device[]): Device {
  const [first] = devices;
  if (!first) throw new Error('no device');
  return {
    driver: first.driver,
    capabilities: interlocked(board, mergeCapabilities(board, devices)),
    async [Symbol.asyncDispose]() {
      for (const device of [...devices].reverse()) await device[Symbol.asyncDispose]();
    },
  };
}

export async function open(
  driver: Driver,
  options: Record<string, unknown>,
  events?: DeviceEvent[],
  stateDir?: string,
): Promise<Device> {
  const config = { driver: driver.name, options };
  const problems = driver.validate(config);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return driver.open(config, context(events, stateDir));
}

/** What a console said, and how often it was lost. */
export class Sink {
  readonly chunks: Buffer[] = [];
  readonly losses: RigError[] = [];
  data(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk));
  }
  lost(error: RigError): void {
    this.losses.push(error);
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
  seen(length: number): Promise<unknown> {
    return until(() => this.bytes.length >= length, `${length} bytes on the console`);
  }
}

export function until(condition: () => boolean, what: string): Promise<unknown> {
  return pollUntil(condition, { timeoutMs: patienceMs, everyMs: 10, what });
}

export async function openLine(device: Device, sink: Sink): Promise<ConsoleLine> {
  const port = device.capabilities.console;
  if (!port) throw new Error('no console');
  return port.open(sink);
}

export async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'nothing was thrown';
  } catch (error) {
    return error instanceof RigError ? error.code : String(error);
  }
}
