import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
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

/**
 * KVM where this user may open it, the processor is of the guest's kind and virtualises in hardware; otherwise translation
 * (TCG). A KVM without VMX or SVM (a paravirtual one inside a cloud guest) opens and makes machines, and then stops at the first
 * floating-point instruction of OVMF with an emulation failure.
 */
export function chooseAccelerator(
  guest: Architecture,
  { device = '/dev/kvm', host = process.arch as string, cpuInfo = '/proc/cpuinfo' } = {},
): Accelerator {
  if (!guestsOfHost[host]?.includes(guest))
    return { name: 'tcg', reason: `a host of ${host} cannot run ${guest} by itself` };
  try {
    // Access bits alone say too little: in a container the node may be there and opening it forbidden.
    closeSync(openSync(device, constants.O_RDWR));
    if (host === 'x64' && !/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync(cpuInfo, 'utf8')))
      return { name: 'tcg', reason: `${device} is there, but the processor has neither VMX nor SVM` };
    return { name: 'kvm', reason: `${device} is usable` };
  } catch (error) {
    return { name: 'tcg', reason: `${device} is not usable: ${(error as NodeJS.ErrnoException).code}` };
  }
}

/** The processor that a guest under KVM sees some or all of: its name, and a hash of its features. */
export function hostProcessor(cpuInfo = '/proc/cpuinfo'): string {
  const [first = ''] = readFileSync(cpuInfo, 'utf8').split('\n\n');
  // The clock frequency changes from one look to the next.
  const lines = first.split('\n').filter((line) => !/^(cpu MHz|bogomips|BogoMIPS)\s*:/.test(line));
  const name = /^model name\s*: (.*)$/m.exec(first)?.[1] ?? 'processor';
  return `${name} ${createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)}`;
}
