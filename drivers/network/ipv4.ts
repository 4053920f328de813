import { isIPv4 } from 'node:net';
import { z } from 'zod';

const wanted =
  'an address of this host with the bits of its network, and room behind it for the board: 192.168.77.1/24';

/** This host's address in a network that it shares with the board alone. */
export const hostNetwork = z
  .string({ error: wanted })
  .refine((text) => networkOf(text) !== undefined, { error: wanted })
  .meta({ description: "This host's address in the network of the board, with its bits." });

/** A network of this host and a board: addresses behind the host's own are the board's to have. */
export interface HostNetwork {
  readonly host: string;
  readonly first: string;
  readonly last: string;
  readonly mask: string;
  /** Its first address and its bits: `192.168.77.0/24`. */
  readonly whole: string;
}

/** Undefined for text that is no such network. */
export function networkOf(text: string): HostNetwork | undefined {
  const [host = '', bitsText = '', more] = text.split('/');
  const bits = Number(bitsText);
  if (more !== undefined || !isIPv4(host) || !/^\d+$/.test(bitsText) || bits < 16 || bits > 29)
    return undefined;
  const own = numberOf(host);
  const mask = (0xffff_ffff << (32 - bits)) >>> 0;
  const broadcast = (own | ~mask) >>> 0;
  if (own === (own & mask) >>> 0 || own + 1 >= broadcast) return undefined;
  return {
    host,
    first: textOf(own + 1),
    last: textOf(broadcast - 1),
    mask: textOf(mask),
    whole: `${textOf(own & mask)}/${bits}`,
  };
}

/** Whether two networks, each an address with its bits, have addresses in common. */
export function overlap(one: string, other: string): boolean {
  const [a = '', aBits = '32'] = one.split('/');
  const [b = '', bBits = '32'] = other.split('/');
  const free = 32 - Math.min(Number(aBits), Number(bBits));
  return Math.floor(numberOf(a) / 2 ** free) === Math.floor(numberOf(b) / 2 ** free);
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}
