import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Endpoint } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { AttachedSession } from '../../core/session/attached.js';
import { findExecutable } from '../../lifetime/find-executable.js';
import { type BoardRequest, boardRequest, capability, imageFor, sessionOf } from '../board-command.js';
import type { CommandInput, CommandIo } from '../command.js';

/**
 * `rig ssh BOARD [COMMAND…]`: the system's ssh client, told where the board is and which key opens it. Its exit code is
 * ours. The board's host key is not checked: every provisioning makes a new one, on the same forwarded port.
 */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const request = await boardRequest(input, { io, purpose: 'rig ssh' });
  const words = (input.args[1] ?? []) as readonly string[];
  const command = [...words, ...input.rest];
  // Attached as long as ssh runs, so that the idle limit does not end the session under it.
  await using session = await sessionOf(request, io);
  const endpoint = await endpointOf(request, { session, io });
  const user = request.board.profile.ssh.user;
  const keyFile = request.board.ssh?.keyFile ?? (await imageKey(request, { session, io }));
  const client = findExecutable('ssh', { path: io.env.PATH });
  if (client === undefined) {
    const { sshWithoutClient } = await import('../ssh-without-client.js');
    return sshWithoutClient(endpoint, { user, keyFile, command: command.join(' '), signal: io.signal });
  }
  return runClient(client, {
    args: [...sshOptions(endpoint, keyFile), `${user}@${endpoint.host}`, ...command],
    io,
  });
}

function sshOptions({ port }: Endpoint, keyFile: string | undefined): string[] {
  return [
    ...['-p', String(port)],
    ...(keyFile === undefined ? [] : ['-i', keyFile, '-o', 'IdentitiesOnly=yes']),
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
  ];
}

/** A key that an ssh client refuses to use is none of ours: it must be readable by its owner alone. */
async function imageKey(
  request: BoardRequest,
  { session, io }: { session: AttachedSession; io: CommandIo },
): Promise<string | undefined> {
  const medium = session.capabilities.storage?.state();
  if (!medium || medium.kind === 'unknown') return undefined;
  return (await imageFor(request, { io, ref: medium.path }))?.sshKeyFile;
}

async function endpointOf(
  { board }: BoardRequest,
  { session, io }: { session: AttachedSession; io: CommandIo },
): Promise<Endpoint> {
  const port = board.ssh?.port ?? board.profile.ssh.port;
  if (board.ssh?.host !== undefined) return { host: board.ssh.host, port };
  if ((await session.capabilities.power?.state({ signal: io.signal })) === 'off') {
    throw new RigError(`Board "${board.name}" is off, so nothing answers ssh`, {
      code: 'ssh.no-answer',
      blame: 'rig',
      hint: `Power it on: rig power ${board.name} on`,
    });
  }
  return capability(session, 'address').endpoint(port, { signal: io.signal });
}

async function runClient(file: string, { args, io }: { args: string[]; io: CommandIo }): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit' });
  // A terminal sends SIGINT to ssh as well; the other signals reach only us.
  const onAbort = (): void => void child.kill('SIGTERM');
  io.signal.addEventListener('abort', onAbort, { once: true });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  io.signal.removeEventListener('abort', onAbort);
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
