import { constants } from 'node:os';
import type { Client, ClientChannel } from 'ssh2';
import { RigError } from '../../contracts/errors.js';
import type { ShellResult } from '../../contracts/suite.js';

/** More output than this is cut off with an error: a test does not need it, and a device can send for ever. */
const maxOutputBytes = 16 * 1024 * 1024;

/**
 * Runs one command on a session channel (RFC 4254, section 6.5).
 *
 * @throws RigError `ssh.timeout` when it did not end in time, `ssh.lost` when the connection went away under it,
 *   `ssh.output-too-long`
 */
export function runCommand(
  client: Client,
  command: string,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<ShellResult> {
  const { timeoutMs, signal } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let bytes = 0;
    let channel: ClientChannel | undefined;
    let exit: number | undefined;
    let done = false;
    const finish = (settle: () => void): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      client.removeListener('close', onLost);
      channel?.removeListener('close', onClose);
      settle();
    };
    const fail = (error: unknown): void =>
      finish(() => {
        channel?.close();
        reject(error);
      });
    const timer = setTimeout(() => {
      fail(
        new RigError(
          `Command ${JSON.stringify(command)} did not end over ssh within ${Math.round(timeoutMs)} ms`,
          {
            code: 'ssh.timeout',
            blame: 'board',
            hint: 'Does it wait for input, or for a device that does not answer? Give timeoutMs if it takes longer.',
            evidence: { outputBytes: bytes },
          },
        ),
      );
    }, timeoutMs);
    const onAbort = (): void => fail(signal.reason);
    const onLost = (): void =>
      fail(
        new RigError(`The ssh connection was lost while ${JSON.stringify(command)} ran`, {
          code: 'ssh.lost',
          blame: 'board',
          hint: 'Did the board reboot, lose power or drop its link? The console log of that moment tells.',
        }),
      );
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      into.push(chunk);
      if (bytes > maxOutputBytes) {
        fail(
          new RigError(`Command ${JSON.stringify(command)} wrote more than ${maxOutputBytes} bytes`, {
            code: 'ssh.output-too-long',
            blame: 'suite',
            hint: 'Filter on the board: pipe it through tail, grep or wc.',
          }),
        );
      }
    };
    const onClose = (): void => {
      if (exit === undefined) onLost();
      else finish(() => resolve({ exitCode: exit ?? 0, stdout: text(out), stderr: text(err) }));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    client.once('close', onLost);
    const onOpened = (error: Error | undefined, opened: ClientChannel): void => {
      if (error) {
        onLost();
        return;
      }
      channel = opened;
      if (done) {
        opened.close();
        return;
      }
      opened.on('data', collect(out));
      opened.stderr.on('data', collect(err));
      opened.on('exit', (code: number | null, signalName?: string) => {
        exit =
          code ?? 128 + (constants.signals[`SIG${signalName?.replace(/^SIG/, '')}` as NodeJS.Signals] ?? 0);
      });
      opened.on('close', onClose);
    };
    try {
      client.exec(command, onOpened);
    } catch {
      // ssh2 throws when the other end has closed and that was not read yet.
      onLost();
    }
  });
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}
