import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { ClientChannel } from 'ssh2';
import type { Endpoint } from '../contracts/capabilities.js';
import { RigError } from '../contracts/errors.js';
import { connect } from '../core/ssh/connection.js';

const handshakeMs = 20_000;

/** A remote shell or command on this terminal, where no ssh client is installed. Resolves with its exit code. */
export async function sshWithoutClient(
  endpoint: Endpoint,
  options: { user: string; keyFile: string | undefined; command: string; signal: AbortSignal },
): Promise<number> {
  const { user, keyFile, command, signal } = options;
  const privateKey = keyFile === undefined ? {} : { privateKey: readFileSync(keyFile, 'utf8') };
  const client = await connect(endpoint, {
    credentials: { user, ...privateKey },
    login: { method: keyFile === undefined ? 'none' : 'key' },
    timeoutMs: handshakeMs,
    signal,
  });
  const { stdin, stdout, stderr } = process;
  const interactive = command === '' && stdin.isTTY === true;
  const size = { rows: stdout.rows ?? 24, cols: stdout.columns ?? 80, term: process.env.TERM ?? 'vt100' };
  try {
    return await new Promise<number>((resolve, reject) => {
      const lost = new RigError(`The ssh connection to ${endpoint.host}:${endpoint.port} was lost`, {
        code: 'ssh.lost',
        blame: 'board',
        hint: 'Did the board reboot or lose power? The console log of that moment tells.',
      });
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      client.once('close', () => reject(lost));
      const opened = (error: Error | undefined, channel: ClientChannel): void => {
        if (error) {
          reject(lost);
          return;
        }
        let exit = 255;
        channel.on('exit', (code: number | null, name?: string) => {
          exit = code ?? 128 + (constants.signals[`SIG${name}` as NodeJS.Signals] ?? 0);
        });
        channel.on('close', () => resolve(exit));
        channel.pipe(stdout, { end: false });
        channel.stderr.pipe(stderr, { end: false });
        stdin.pipe(channel);
        if (interactive) {
          stdin.setRawMode(true);
          stdout.on('resize', () => channel.setWindow(stdout.rows, stdout.columns, 0, 0));
        }
      };
      if (command === '') client.shell(interactive ? size : false, opened);
      else client.exec(command, opened);
    });
  } finally {
    if (interactive) stdin.setRawMode(false);
    stdin.unpipe();
    stdin.destroy();
    client.removeAllListeners('close');
    client.destroy();
  }
}
