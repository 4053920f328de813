import { unreadable } from './unreadable.js';

/** A TCP socket that waits for connections. */
export interface Listener {
  readonly port: number;
  /** `0.0.0.0` and `::` are every address of the board. */
  readonly address: string;
}

/** Both families at once; a kernel without IPv6 has no second file. */
export const listenersCommand = 'cat /proc/net/tcp; cat /proc/net/tcp6 2>/dev/null || true';

/** TCP_LISTEN of Linux, include/net/tcp_states.h. */
const listening = '0A';

/**
 * The listening ones of /proc/net/tcp and tcp6 (Linux, Documentation/networking/proc_net_tcp.rst).
 *
 * @throws RigError `facts.unreadable`
 */
export function parseListeners(text: string): readonly Listener[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (!/^\s*sl\s+local_address/.test(lines[0] ?? ''))
    throw unreadable('the listening sockets', text, 'the heading is missing');
  return lines
    .filter((line) => !/^\s*sl\s/.test(line))
    .flatMap((line) => {
      const [, address, port, state] =
        /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /i.exec(
          line,
        ) ?? [];
      if (address === undefined || port === undefined)
        throw unreadable('the listening sockets', line, 'a line tells of no socket');
      if (state !== listening) return [];
      return [{ port: Number.parseInt(port, 16), address: addressOf(address) }];
    });
}

/** Ports that others can reach: neither on loopback only nor on an address of a network inside the board. */
export function openPorts(listeners: readonly Listener[], own: readonly string[]): readonly number[] {
  const reachable = listeners.filter(
    ({ address }) => address === '0.0.0.0' || address === '::' || own.includes(address),
  );
  return [...new Set(reachable.map(({ port }) => port))].sort((a, b) => a - b);
}

/** Words of 32 bits in this host's byte order; every board we know is little endian. */
function addressOf(hex: string): string {
  const bytes = hex.match(/.{8}/g)?.flatMap((word) => [...Buffer.from(word, 'hex').reverse()]) ?? [];
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.every((byte) => byte === 0)) return '::';
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12).join('.') : Buffer.from(bytes).toString('hex');
}
