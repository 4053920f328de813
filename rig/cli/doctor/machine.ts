import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { chooseAccelerator } from '../../../qemu/accelerator.js';
import { measureSpeedFactor } from '../../lifetime/host-speed.js';
import type { Check } from './check.js';

const gibibyte = 2 ** 30;

export function checkNode(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > 20 || (major === 20 && minor >= 19);
  return enough
    ? { name: 'Node', state: 'ok', found: version }
    : { name: 'Node', state: 'bad', found: version, hint: 'Install Node 20.19 or newer.' };
}

export function checkProcessor(speedFactor = measureSpeedFactor()): Check {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const found = `${availableParallelism()} × ${model} (${process.arch}); deadlines of virtual boards × ${speedFactor}`;
  if (speedFactor < 3) return { name: 'processor', state: 'ok', found };
  return {
    name: 'processor',
    state: 'warn',
    found,
    hint: 'Slow or busy just now: run fewer boards at once.',
  };
}

/** KVM runs guests of the host's own kind only; any other guest is translated by TCG whatever is here. */
export function checkAccelerator(options: Parameters<typeof chooseAccelerator>[1] = {}): Check {
  const guests = (['amd64', 'arm64'] as const).map((guest) => ({
    guest,
    ...chooseAccelerator(guest, options),
  }));
  const found = guests
    .map(({ guest, name, reason }) => `${guest} ${name.toUpperCase()} (${reason})`)
    .join(', ');
  if (guests.some(({ name }) => name === 'kvm')) return { name: 'accelerator', state: 'ok', found };
  return {
    name: 'accelerator',
    state: 'warn',
    found,
    hint: `Virtual boards are several times faster with KVM: switch virtualisation on, or sudo adduser ${userInfo().username} kvm`,
  };
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
