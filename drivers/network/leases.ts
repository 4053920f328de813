import { readFile } from 'node:fs/promises';

/** An address that a DHCP server gave to somebody. */
export interface Lease {
  readonly mac: string;
  readonly address: string;
  /** What the client calls itself. */
  readonly hostname?: string;
}

/** The leases in the file of a DHCP server of this host, the latest of each client; none where there is no file. */
export async function readLeases(file: string): Promise<Lease[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return parseLeases(text, Date.now());
}

/**
 * Leases that are valid at `nowMs` (Unix time): of dnsmasq (its manual, `--dhcp-leasefile`: `EXPIRY MAC ADDRESS NAME CLIENT-ID` in a line,
 * expiry 0 never) or of ISC's server (dhcpd.leases(5)). A line that is neither is another kind of record.
 */
export function parseLeases(text: string, nowMs: number): Lease[] {
  const found = /^lease\s/m.test(text) ? [...ofDhcpd(text, nowMs)] : [...ofDnsmasq(text, nowMs)];
  // Both servers write a client's newest lease last.
  return [...new Map(found.map((lease) => [lease.mac, lease])).values()];
}

const mac = '[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}';
const address = '\\d{1,3}(?:\\.\\d{1,3}){3}';

function* ofDnsmasq(text: string, nowMs: number): Generator<Lease> {
  for (const [, expiry, client = '', leased = '', hostname] of text.matchAll(
    new RegExp(`^(\\d+) (${mac}) (${address}) (\\S+)`, 'gm'),
  ))
    if (Number(expiry) === 0 || Number(expiry) * 1000 > nowMs) yield lease(client, leased, hostname);
}

function* ofDhcpd(text: string, nowMs: number): Generator<Lease> {
  for (const [, leased = '', body = ''] of text.matchAll(
    new RegExp(`^lease (${address}) \\{([^}]*)\\}`, 'gm'),
  )) {
    const client = new RegExp(`hardware ethernet (${mac});`).exec(body)?.[1];
    if (client === undefined || !/^\s*binding state active;/m.test(body)) continue;
    // `ends 4 2026/11/21 10:00:00;`: a weekday, then UTC; or `ends never;`.
    const ends = /^\s*ends \d (\d+)\/(\d+)\/(\d+) (\d\d:\d\d:\d\d);/m.exec(body);
    if (ends && Date.parse(`${ends[1]}-${ends[2]}-${ends[3]}T${ends[4]}Z`) <= nowMs) continue;
    yield lease(client, leased, /client-hostname "([^"]*)";/.exec(body)?.[1]);
  }
}

function lease(client: string, leased: string, hostname: string | undefined): Lease {
  const known = hostname !== undefined && hostname !== '*' ? { hostname } : {};
  return { mac: client.toLowerCase(), address: leased, ...known };
}
