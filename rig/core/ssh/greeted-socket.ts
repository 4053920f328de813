import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';

/**
 * A TCP connection over which the server has begun to speak: an ssh server sends its identification at once (RFC 4253,
 * section 4.2). Waiting for it apart from the handshake matters on a virtual board: QEMU accepts for the board, and a
 * connection made before the board's network was up hangs for the 6 seconds until QEMU sends its SYN again.
 *
 * @throws RigError `ssh.no-answer`; the signal's reason
 */
export function greetedSocket(
  endpoint: Endpoint,
  options: { withinMs: number; signal: AbortSignal },
): Promise<Socket> {
  const { withinMs, signal } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect(endpoint.port, endpoint.host);
    const timer = setTimeout(
      () => fail(noAnswer(endpoint, `nothing greeted within ${Math.round(withinMs)} ms`)),
      withinMs,
    );
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
    };
    const fail = (error: unknown): void => {
      done();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        ownNetwork.has(error.code ?? '') ? noWay(endpoint, error) : noAnswer(endpoint, error.message, error),
      ),
    );
    socket.once('close', () => fail(noAnswer(endpoint, 'the connection was closed at once')));
    socket.once('data', (greeting) => {
      done();
      // Whoever takes the socket over hears of errors by its end as well.
      socket.on('error', () => {});
      socket.pause();
      socket.unshift(greeting);
      resolve(socket);
    });
  });
}

/** Errors of this host that no waiting mends (man 2 connect): no such network, no address or descriptor to use. */
const ownNetwork: ReadonlySet<string> = new Set([
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'EPERM',
]);

function noWay(endpoint: Endpoint, error: NodeJS.ErrnoException): RigError {
  return new RigError(
    `Cannot connect from this host to ${endpoint.host}:${endpoint.port}: ${error.message}`,
    {
      code: 'ssh.host-network',
      blame: 'rig',
      hint: 'The connection did not leave this host: is its network interface up (for a virtual board the loopback, `ip link set lo up`)?',
      cause: error,
    },
  );
}

function noAnswer(endpoint: Endpoint, why: string, cause?: unknown): RigError {
  return new RigError(`Cannot connect over ssh to ${endpoint.host}:${endpoint.port}: ${why}`, {
    code: 'ssh.no-answer',
    blame: 'board',
    hint: 'Is the board up, its link on, and an ssh server running on that port?',
    cause,
    evidence: { handshake: false },
  });
}
