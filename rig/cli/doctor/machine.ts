import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { Check } from './check.js';

const gibibyte = 2 ** 30;

export function checkNode(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > 20 || (major === 20 && minor >= 19);
  return enough
    ? { name: 'Node', state: 'ok', found: version }
    : { name: 'Node', state: 'bad', found: version, hint: 'Install Node 20.19 or newer.' };
}

export function checkProcessor(): Check {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  return { name: 'processor', state: 'ok', found: `${availableParallelism()} × ${model} (${process.arch})` };
}

/** KVM runs guests of the host's own architecture only; any other guest is translated by TCG whatever is here. */
export function checkKvm(device = '/dev/kvm'): Check {
  const slow = 'translated by TCG, several times slower';
  if (!existsSync(device)) {
    return {
      name: 'KVM',
      state: 'warn',
      found: `no ${device}: every virtual board is ${slow}`,
      hint: "Switch virtualisation on in the firmware, or in the outer machine's settings; the rig works without.",
    };
  }
  if (!isUsable(device)) {
    return {
      name: 'KVM',
      state: 'warn',
      found: `${device} may not be used by ${userInfo().username}: virtual boards are ${slow}`,
      hint: `sudo adduser ${userInfo().username} kvm, then log in again`,
    };
  }
  return { name: 'KVM', state: 'ok', found: `${device}, for guests of this machine's architecture` };
}

export function checkMemory(meminfo = readFileSync('/proc/meminfo', 'utf8')): Check {
  const kibibytes = Number(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0);
  const gib = kibibytes / 2 ** 20;
  const found = `${gib.toFixed(1)} GiB available`;
  if (gib >= 2) return { name: 'memory', state: 'ok', found };
  const state = gib >= 0.5 ? 'warn' : 'bad';
  return { name: 'memory', state, found, hint: 'A virtual board takes 256 MiB or more: run fewer at once.' };
}

/** Space for, and permission to write, a folder that may not be there yet. */
export function checkFolder(name: string, folder: string): Check {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const { bavail, bsize } = statfsSync(there);
  const gib = (bavail * bsize) / gibibyte;
  const found = `${folder}: ${gib.toFixed(1)} GiB free`;
  if (!isUsable(there, constants.W_OK))
    return { name, state: 'bad', found: `${folder} may not be written`, hint: `Make ${there} writable.` };
  if (gib >= 4) return { name, state: 'ok', found };
  return {
    name,
    state: gib >= 1 ? 'warn' : 'bad',
    found,
    hint: 'Make room: images and runs take a few GiB.',
  };
}

/** Serial adapters by their stable names (udev's 60-serial.rules makes the links). */
export function checkSerialPorts(folder = '/dev/serial/by-id'): Check {
  const ports = existsSync(folder) ? readdirSync(folder) : [];
  if (ports.length === 0)
    return { name: 'serial ports', state: 'ok', found: 'none attached (only real boards need one)' };
  const closed = ports.filter((port) => !isUsable(join(folder, port)));
  if (closed.length === 0) return { name: 'serial ports', state: 'ok', found: ports.join(', ') };
  return {
    name: 'serial ports',
    state: 'warn',
    found: `${userInfo().username} may not open ${closed.join(', ')}`,
    hint: `sudo adduser ${userInfo().username} dialout, then log in again`,
  };
}

function isUsable(path: string, mode = constants.R_OK | constants.W_OK): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
