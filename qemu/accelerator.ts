import { closeSync, constants, openSync } from 'node:fs';
import type { Architecture } from '../rig/contracts/board.js';

export interface Accelerator {
  readonly name: 'kvm' | 'tcg';
  /** Why this one, for the log. */
  readonly reason: string;
}

const guestsOfHost: Readonly<Record<string, readonly Architecture[]>> = {
  x64: ['amd64', 'i386'],
  arm64: ['arm64'],
};

/** KVM where this user may open it and the processor is of the guest's kind; otherwise translation (TCG). */
export function chooseAccelerator(
  guest: Architecture,
  { device = '/dev/kvm', host = process.arch as string } = {},
): Accelerator {
  if (!guestsOfHost[host]?.includes(guest))
    return { name: 'tcg', reason: `a host of ${host} cannot run ${guest} by itself` };
  try {
    // Access bits alone say too little: in a container the node may be there and opening it forbidden.
    closeSync(openSync(device, constants.O_RDWR));
    return { name: 'kvm', reason: `${device} is usable` };
  } catch (error) {
    return { name: 'tcg', reason: `${device} is not usable: ${(error as NodeJS.ErrnoException).code}` };
  }
}
