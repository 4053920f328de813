import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export type RelayKind = 'tasmota' | 'shelly' | 'shelly-gen2' | 'generic';

/** A relay that answers as its maker documents, strictly: anything else is 400 or 404. */
export interface FakeRelay {
  readonly host: string;
  readonly orders: string[];
  readonly requests: string[];
  /** What it answers instead, for a relay that is out of its mind. */
  answer: { status: number; body: string } | undefined;
  /** Bodies that it answers with before it is sane again. */
  readonly lies: string[];
  /** Never answers. */
  silent: boolean;
  /** Answers well and does nothing. */
  deaf: boolean;
  /** Does what it was told so much after it answered. */
  lateMs: number;
  readonly isOn: boolean;
}

export async function startRelay(
  t: Test,
  kind: RelayKind,
  { password }: { password?: string } = {},
): Promise<FakeRelay> {
  let on = false;
  const relay: FakeRelay = {
    host: '',
    orders: [],
    requests: [],
    answer: undefined,
    lies: [],
    silent: false,
    deaf: false,
    lateMs: 0,
    get isOn() {
      return on;
    },
  };
  const turn = (wanted: boolean): void => {
    relay.orders.push(wanted ? 'on' : 'off');
    if (relay.deaf) return;
    if (relay.lateMs === 0) on = wanted;
    else
      setTimeout(() => {
        on = wanted;
      }, relay.lateMs);
  };
  const server = createServer((request, response) => {
    relay.requests.push(`${request.method} ${request.url}`);
    if (relay.silent) return;
    if (relay.answer) return void response.writeHead(relay.answer.status).end(relay.answer.body);
    const lie = relay.lies.shift();
    if (lie !== undefined) return void response.writeHead(200).end(lie);
    const url = new URL(request.url ?? '', 'http://relay');
    if (!allowed(kind, { request, url, password })) {
      const challenge = kind === 'shelly-gen2' ? { 'www-authenticate': shellyChallenge } : {};
      return void response.writeHead(401, challenge).end('no');
    }
    const answer = kinds[kind](url, request.method ?? '', { turn, isOn: () => on });
    if (answer === undefined) return void response.writeHead(404).end('Not Found');
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(relay, { host: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function allowed(
  kind: RelayKind,
  { request, url, password }: { request: IncomingMessage; url: URL; password: string | undefined },
): boolean {
  if (password === undefined) return true;
  if (kind === 'tasmota')
    return url.searchParams.get('user') === 'admin' && url.searchParams.get('password') === password;
  if (kind === 'shelly-gen2') return isDigest(request, password);
  return request.headers.authorization === `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
}

/** As Shelly's "Authentication" page shows it; the nonce is shorter. */
const shellyChallenge =
  'Digest qop="auth", realm="shellyplus1-a8032abe54dc", nonce="663d2f32", algorithm=SHA-256';

/** RFC 7616, 3.4.1, said once more in other words than the driver's: what comes is taken apart by its commas alone. */
function isDigest({ headers, method = '', url = '' }: IncomingMessage, password: string): boolean {
  const given = new Map(
    (headers.authorization ?? '')
      .replace(/^Digest /, '')
      .split(/, ?/)
      .map((part) => {
        const [name = '', value = ''] = part.split(/=(.*)/s);
        return [name, value.replaceAll('"', '')] as const;
      }),
  );
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  const realm = 'shellyplus1-a8032abe54dc';
  const expected = sha(
    `${sha(`admin:${realm}:${password}`)}:663d2f32:${given.get('nc')}:${given.get('cnonce')}:auth:${sha(`${method}:${url}`)}`,
  );
  return given.get('username') === 'admin' && given.get('uri') === url && given.get('response') === expected;
}

type Relay = { turn(on: boolean): void; isOn(): boolean };

const kinds: Readonly<Record<RelayKind, (url: URL, method: string, relay: Relay) => string | undefined>> = {
  // A device with one relay: it takes Power and Power1, and answers POWER.
  tasmota: (url, _, { turn, isOn }) => {
    const command = /^Power1?(?: (On|Off))?$/i.exec(url.searchParams.get('cmnd') ?? '');
    if (url.pathname !== '/cm') return undefined;
    if (!command) return JSON.stringify({ Command: 'Unknown' });
    if (command[1]) turn(command[1].toLowerCase() === 'on');
    return JSON.stringify({ POWER: isOn() ? 'ON' : 'OFF' });
  },
  shelly: (url, _, { turn, isOn }) => {
    if (url.pathname !== '/relay/0') return undefined;
    const wanted = url.searchParams.get('turn');
    if (wanted === 'on' || wanted === 'off') turn(wanted === 'on');
    return JSON.stringify({ ison: isOn(), has_timer: false, overpower: false, source: 'http' });
  },
  'shelly-gen2': (url, _, { turn, isOn }) => {
    if (url.searchParams.get('id') !== '0') return undefined;
    if (url.pathname === '/rpc/Switch.GetStatus')
      return JSON.stringify({ id: 0, source: 'init', output: isOn(), temperature: { tC: 41.2 } });
    const wanted = url.searchParams.get('on');
    if (url.pathname !== '/rpc/Switch.Set' || (wanted !== 'true' && wanted !== 'false')) return undefined;
    const was = isOn();
    turn(wanted === 'true');
    return JSON.stringify({ was_on: was });
  },
  generic: (url, method, { turn, isOn }) => {
    if (url.pathname === '/outlet' && method === 'PUT') {
      turn(url.searchParams.get('to') === '1');
      return '';
    }
    return url.pathname === '/outlet' && method === 'GET' ? (isOn() ? 'ENABLED\n' : 'DISABLED\n') : undefined;
  },
};
