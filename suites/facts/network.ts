import { unreadable } from './unreadable.js';

export interface Route {
  readonly interface: string;
  readonly destination: string;
  readonly gateway: string;
  readonly mask: string;
  readonly isUp: boolean;
}

export interface InterfaceAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixBits: number;
  readonly scope: string;
  /** It ends at a time unless it is renewed, as an address with a lease does. */
  readonly isDynamic: boolean;
}

/** @throws RigError `facts.unreadable` unless `text` has the form of /proc/net/route (Linux, net/ipv4/fib_trie.c) */
export function parseRoutes(text: string): readonly Route[] {
  const [heading = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  if (!/^Iface\s+Destination\s+Gateway/.test(heading))
    throw unreadable('the routes', text, 'the heading is missing');
  return lines.map((line) => {
    const [name = '', destination = '', gateway = '', flags = '', , , , mask = ''] = line.trim().split(/\s+/);
    if (![destination, gateway, mask].every((word) => /^[0-9A-F]{8}$/i.test(word)))
      throw unreadable('the routes', line, 'an address is not eight hexadecimal digits');
    return {
      interface: name,
      destination: dotted(destination),
      gateway: dotted(gateway),
      mask: dotted(mask),
      // RTF_UP of linux/route.h.
      isUp: (Number.parseInt(flags, 16) & 1) !== 0,
    };
  });
}

/** The route that takes what no other does. */
export function defaultRoute(routes: readonly Route[]): Route | undefined {
  return routes.find((route) => route.destination === '0.0.0.0' && route.mask === '0.0.0.0' && route.isUp);
}

/** IPv4 addresses from `ip -4 addr`, which busybox and iproute2 print alike. */
export function parseAddresses(text: string): readonly InterfaceAddress[] {
  const addresses: InterfaceAddress[] = [];
  let current: string | undefined;
  for (const line of text.split('\n')) {
    const heading = /^\d+: ([^:@\s]+)/.exec(line);
    if (heading) current = heading[1];
    const inet = /^\s+inet (\d+\.\d+\.\d+\.\d+)\/(\d+) .*\bscope (\S+)(.*)$/.exec(line);
    if (!inet) continue;
    if (current === undefined) throw unreadable('the addresses', text, 'an address belongs to no interface');
    const [, address = '', prefix = '', scope = '', flags = ''] = inet;
    const isDynamic = flags.split(' ').includes('dynamic');
    addresses.push({ interface: current, address, prefixBits: Number(prefix), scope, isDynamic });
  }
  if (current === undefined) throw unreadable('the addresses', text, 'there is no interface');
  return addresses;
}

/** Name servers of resolv.conf(5). */
export function parseNameservers(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1])
    .filter((server) => server !== undefined);
}

/** Whether two IPv4 addresses lie in one network of `prefixBits`. */
export function sameNetwork(one: string, other: string, prefixBits: number): boolean {
  const hostValues = 2 ** (32 - prefixBits);
  return Math.floor(numberOf(one) / hostValues) === Math.floor(numberOf(other) / hostValues);
}

function numberOf(address: string): number {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    throw unreadable('an IPv4 address', address, 'it has not four numbers from 0 to 255');
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** The kernel prints the address as a number of this host's byte order; every board we know is little endian. */
function dotted(hex: string): string {
  return [...Buffer.from(hex, 'hex').reverse()].join('.');
}
