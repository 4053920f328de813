import { createHash } from 'node:crypto';
import type { Capabilities } from '../contracts/capabilities.js';
import type { Device } from '../contracts/driver.js';
import { RigError } from '../contracts/errors.js';
import { DisposalStack } from '../lifetime/disposal-stack.js';
import { tryLock, visitLock } from '../lifetime/named-lock.js';

/**
 * Takes what a driver needs for itself alone, on this machine: boards of two lab files, or of two users, may name the same outlet.
 *
 * @param claims as the driver names them
 * @throws RigError `device.busy`
 */
export async function takeClaims(
  board: string,
  claims: readonly string[],
  signal: AbortSignal | undefined,
): Promise<AsyncDisposable> {
  const locks = new DisposalStack();
  try {
    for (const claim of claims) {
      signal?.throwIfAborted();
      const name = createHash('sha256').update(claim).digest('hex').slice(0, 32);
      const address = `\0boardrig/device/${name}`;
      const lock = await tryLock(address, `${board} (process ${process.pid})`);
      if (!lock) throw busy(claim, await holderOf(address, signal));
      locks.use(lock);
    }
    return locks;
  } catch (error) {
    await locks[Symbol.asyncDispose]();
    throw error;
  }
}

/** A device that gives what it claimed free when it has ended. */
export class ClaimedDevice implements Device {
  readonly driver: Device['driver'];
  readonly capabilities: Capabilities;
  readonly explorable: Device['explorable'];
  readonly #device: Device;
  readonly #claims: AsyncDisposable;

  constructor(device: Device, claims: AsyncDisposable) {
    this.driver = device.driver;
    this.capabilities = device.capabilities;
    this.explorable = device.explorable;
    this.#device = device;
    this.#claims = claims;
  }

  cpuSeconds(): number | undefined {
    return this.#device.cpuSeconds?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#device[Symbol.asyncDispose]();
    } finally {
      await this.#claims[Symbol.asyncDispose]();
    }
  }
}

async function holderOf(address: string, signal: AbortSignal | undefined): Promise<string> {
  using visit = await visitLock(address, signal);
  return visit?.greeting?.trim() || 'somebody';
}

function busy(claim: string, holder: string): RigError {
  return new RigError(`Cannot use ${claim}: the board ${holder} has it`, {
    code: 'device.busy',
    blame: 'rig',
    hint: 'Two lab files of this machine name the same device: end that session (rig down), or correct one of them.',
    evidence: { claim, holder },
  });
}
