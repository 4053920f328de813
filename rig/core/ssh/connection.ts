import type { Client, ConnectConfig, NoAuthMethod, PasswordAuthMethod, PublicKeyAuthMethod } from 'ssh2';
import type { Endpoint } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { SshLogin } from '../../contracts/suite.js';
import { greetedSocket } from './greeted-socket.js';

/** Who logs in, and with what. */
export interface Credentials {
  readonly user: string;
  readonly privateKey?: string;
}

/**
 * The cheapest sound choice first: under emulation a key exchange costs the board 0.25 CPU seconds with curve25519
 * (RFC 8731) and a multiple of it with finite-field groups. The rest stays on offer for other people's images.
 */
const algorithms: ConnectConfig['algorithms'] = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group-exchange-sha256',
  ],
  cipher: ['aes128-ctr', 'aes256-ctr', 'aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com'],
  hmac: ['hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha1'],
  serverHostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-256', 'rsa-sha2-512', 'ssh-rsa'],
};

/**
 * One attempt to connect and log in. The host key is not checked: a test image makes a new one at its first boot, and
 * the path to it is the rig's own.
 *
 * @throws RigError `ssh.no-answer` when nothing answered like an ssh server within `timeoutMs`, `ssh.refused-login`
 *   when a server answered and turned the login down
 */
export async function connect(
  endpoint: Endpoint,
  options: {
    credentials: Credentials;
    login: SshLogin;
    /** For the handshake and login. */
    timeoutMs: number;
    /** Until the server's first bytes; default: as long. */
    greetingMs?: number;
    signal: AbortSignal;
  },
): Promise<Client> {
  const { credentials, login, timeoutMs, signal } = options;
  const socket = await greetedSocket(endpoint, { withinMs: options.greetingMs ?? timeoutMs, signal });
  // Loaded here: a run whose board has a shell on its console may never need it.
  const { default: ssh2 } = await import('ssh2');
  if (signal.aborted) socket.destroy();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let answered = false;
    const onAbort = (): void =>
      finish(() => {
        client.destroy();
        reject(signal.reason);
      });
    const finish = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      client.removeAllListeners();
      // What still comes from a connection that was given up on must not surface as an uncaught error.
      client.on('error', () => {});
      settle();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const where = `${endpoint.host}:${endpoint.port}`;
    client.on('handshake', () => {
      answered = true;
    });
    client.on('ready', () => finish(() => resolve(client)));
    client.on('error', (error) => {
      const refused = answered && error.level === 'client-authentication';
      finish(() => {
        client.destroy();
        reject(
          refused
            ? new RigError(
                `Cannot log in as "${credentials.user}" over ssh at ${where} with ${login.method}`,
                {
                  code: 'ssh.refused-login',
                  blame: 'board',
                  hint: 'The ssh server answered and refused: is the key that the image knows the one in use?',
                  cause: error,
                },
              )
            : new RigError(`Cannot connect over ssh to ${where}: ${error.message}`, {
                code: 'ssh.no-answer',
                blame: 'board',
                hint: 'Is the board up, its link on, and an ssh server running on that port?',
                cause: error,
                evidence: { handshake: answered },
              }),
        );
      });
    });
    client.on('close', () => {
      finish(() =>
        reject(
          new RigError(`Cannot connect over ssh to ${where}: it closed the connection`, {
            code: 'ssh.no-answer',
            blame: 'board',
            hint: 'Something accepted the connection and ended it before the handshake: is the ssh server running?',
            evidence: { handshake: answered },
          }),
        ),
      );
    });
    client.connect({
      sock: socket,
      username: credentials.user,
      readyTimeout: timeoutMs,
      keepaliveInterval: 0,
      algorithms,
      ...authentication(login, credentials),
    });
  });
}

function authentication(login: SshLogin, { user, privateKey }: Credentials): Partial<ConnectConfig> {
  const none: NoAuthMethod = { type: 'none', username: user };
  if (login.method === 'password') {
    const password: PasswordAuthMethod = { type: 'password', username: user, password: login.password };
    return { authHandler: [password] };
  }
  const offered = login.method === 'key' ? (login.privateKey ?? privateKey) : undefined;
  if (offered === undefined) return { authHandler: [none] };
  const key: PublicKeyAuthMethod = { type: 'publickey', username: user, key: offered };
  return { authHandler: [key] };
}
