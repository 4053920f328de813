import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { administratorEnv } from '../../rig/lifetime/administrator-env.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { overlap } from './ipv4.js';

const folder = '/sys/class/net';
/** include/uapi/linux/if.h */
const isUpFlag = 0x1;

const wanted =
  'a MAC address such as 00:0e:c6:12:34:56, or a name that stays, such as enp2s0 (eth0 and wlan0 may be another interface tomorrow)';

/** An interface of this host, by a name that stays: the kernel numbers eth0, wlan0 and usb0 in the order in which it meets them. */
export const interfaceOption = z
  .string({ error: wanted })
  .regex(/^(?!(?:eth|wlan|usb|wwan)\d+$)(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[a-z][a-z0-9._-]{0,14})$/i, {
    error: wanted,
  })
  .meta({ description: 'MAC address of an interface of this host, or a name of it that stays: enp2s0.' });

/** How the same interface is called however it is spelled; of one that is not there, as it was spelled. */
export function claimOf(spelled: string): string {
  const [only, more] = named(spelled);
  return `network interface ${only !== undefined && more === undefined ? only : spelled.toLowerCase()}`;
}

/**
 * The name by which the kernel has the interface now.
 *
 * @throws RigError `network.missing-interface`, `network.ambiguous-interface`, `network.uplink` for the one that leads this host out
 */
export function findInterface(spelled: string): string {
  const [name, second] = named(spelled);
  if (name === undefined)
    throw new RigError(`Cannot find the network interface ${spelled}: this host has ${list(physical())}`, {
      code: 'network.missing-interface',
      blame: 'rig',
      hint: 'Plug the adapter in, or correct the interface of the board in the lab file.',
    });
  if (second !== undefined)
    throw new RigError(`The network interface ${spelled} is two of this host: ${list([name, second])}`, {
      code: 'network.ambiguous-interface',
      blame: 'config',
      hint: 'Give the name of one of them.',
    });
  if (uplinks().includes(name))
    throw new RigError(
      `The network interface ${name} leads this host out: its default route goes through it`,
      {
        code: 'network.uplink',
        blame: 'config',
        hint: 'Give the board a port of its own; the rig takes the one that it gets down.',
      },
    );
  return name;
}

export function exists(name: string): boolean {
  return attribute(name, 'flags') !== '';
}

export function isUp(name: string): boolean {
  return (Number(attribute(name, 'flags')) & isUpFlag) !== 0;
}

export function macOf(name: string): string {
  return attribute(name, 'address');
}

/** Its IPv4 addresses, each with the bits of its network: `192.168.77.1/24`. */
export async function addressesOf(name: string): Promise<string[]> {
  const text = await configure('ip', ['-oneline', '-4', 'address', 'show', 'dev', name]);
  return [...text.matchAll(/\sinet (\S+)/g)].map(([, address = '']) => address);
}

/**
 * Makes sure that no other interface leads to that network: this host would look for the board there.
 *
 * @throws RigError `network.address-taken`
 */
export async function assertNetworkFree(address: string, name: string): Promise<void> {
  const text = await configure('ip', ['-oneline', '-4', 'address', 'show']);
  for (const [, other = '', taken = ''] of text.matchAll(/^\d+: (\S+)\s+inet (\S+)/gm))
    if (other !== name && overlap(address, taken))
      throw new RigError(`Cannot give ${name} the address ${address}: ${other} has ${taken}`, {
        code: 'network.address-taken',
        blame: 'config',
        hint: 'Give each board a network of its own: address in the lab file, such as 192.168.78.1/24.',
      });
}

/**
 * Runs ip(8) or iw(8).
 *
 * @throws RigError `network.refused`
 */
export async function configure(
  program: 'ip' | 'iw',
  args: readonly string[],
  { signal }: Cancellable = {},
): Promise<string> {
  try {
    const limits = { signal, timeoutMs: 10_000 };
    return (await runProgram(program, args, { ...limits, env: administratorEnv() })).stdout;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new RigError(
      `Cannot change the network of this host: ${program} ${args.join(' ')}: ${(cause as Error).message}`,
      {
        code: 'network.refused',
        blame: 'rig',
        hint: 'It needs root, or the capability CAP_NET_ADMIN; and nothing else may manage that interface (nmcli device set NAME managed no).',
        cause,
      },
    );
  }
}

function named(spelled: string): string[] {
  const mac = spelled.toLowerCase();
  if (!mac.includes(':')) return names().filter((name) => name === spelled);
  // A bridge or a VLAN has the address of the port below it.
  return physical().filter((name) => macOf(name) === mac);
}

function physical(): string[] {
  return names().filter((name) => attribute(name, 'device/uevent') !== '');
}

function names(): string[] {
  return readdirSync(folder).filter(exists);
}

function list(of: readonly string[]): string {
  return of.map((name) => `${name} (${macOf(name)})`).join(', ') || 'none';
}

/** proc(5), /proc/net/route; the last field of a line of /proc/net/ipv6_route is the interface, its flag 0x200 rejects. */
function uplinks(): string[] {
  const rows = (file: string): string[][] => lines(file).map((line) => line.trim().split(/\s+/));
  const four = rows('/proc/net/route').filter(
    ([, to, , , , , , mask]) => to === '00000000' && mask === '00000000',
  );
  const six = rows('/proc/net/ipv6_route').filter(
    ([to, bits, , , , , , , flags = '0']) =>
      /^0{32}$/.test(to ?? '') && bits === '00' && (Number.parseInt(flags, 16) & 0x200) === 0,
  );
  return [...four.map(([name = '']) => name), ...six.map((row) => row.at(-1) ?? '')];
}

function attribute(name: string, file: string): string {
  return lines(`${folder}/${name}/${file}`).join('\n').trim();
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
