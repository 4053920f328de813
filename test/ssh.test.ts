import { type AddressInfo, connect, createServer, type Socket, type Server as TcpServer } from 'node:net';
import ssh2 from 'ssh2';
import t from 'tap';
import { generateKeyPair } from '../qemu/image/ssh-key.js';
import { SeededRandom } from '../rig/core/runner/random.js';
import { connect as connectOnce } from '../rig/core/ssh/connection.js';
import { runCommand } from '../rig/core/ssh/run-command.js';
import { SshShell } from '../rig/core/ssh/ssh-shell.js';
import { newSshKey } from '../suites/board/ssh-key.js';

const { Server, utils } = ssh2;
const [hostKey, goodKey, otherKey] = [
  await generateKeyPair(),
  await generateKeyPair(),
  await generateKeyPair(),
];

interface FakeServer {
  readonly port: number;
  /** Commands that were run, in order. */
  readonly commands: string[];
  /** Connections that were made. */
  connections(): number;
  /** Connections that stand. */
  open(): number;
  /** Drops every connection, as a power cut does. */
  cut(): void;
  close(): Promise<void>;
}

/** A real ssh server on loopback: `exit N`, `echo X`, `hang`, `die` (drops the connection), `flood`. */
async function sshServer(): Promise<FakeServer> {
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const publicKey = utils.parseKey(goodKey.public);
  if (publicKey instanceof Error) throw publicKey;
  const ssh = new Server({ hostKeys: [hostKey.private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (context) => {
      const known =
        context.method === 'publickey' &&
        context.key.data.equals(publicKey.getPublicSSH()) &&
        context.username === 'root';
      if (known || (context.method === 'password' && context.password === 'open sesame')) context.accept();
      else context.reject(['publickey', 'password']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, info) => {
        commands.push(info.command);
        const channel = acceptExec();
        const end = (code: number): void => {
          channel.exit(code);
          channel.end();
        };
        if (info.command.startsWith('exit ')) end(Number(info.command.slice(5)));
        else if (info.command === 'die') for (const socket of sockets) socket.destroy();
        else if (info.command === 'flood')
          for (let i = 0; i < 20; i += 1) channel.write(Buffer.alloc(1024 * 1024));
        else if (info.command !== 'hang') {
          channel.stderr.write('to stderr\n');
          channel.write(info.command.replace(/^echo /, ''));
          end(0);
        }
      });
    });
  });
  const tcp: TcpServer = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    ssh.injectSocket(socket);
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  return {
    port: (tcp.address() as AddressInfo).port,
    commands,
    connections: () => connections,
    open: () => sockets.size,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        tcp.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function shellTo(port: () => number, options: { key?: string; signal?: AbortSignal } = {}): SshShell {
  return new SshShell({
    credentials: () => ({ user: 'root', privateKey: options.key ?? goodKey.private }),
    endpoint: async () => ({ host: '127.0.0.1', port: port() }),
    scale: 1,
    abortSignal: () => options.signal ?? new AbortController().signal,
  });
}

t.test('a key pair can be read by who made it', async (t) => {
  const unreadable: string[] = [];
  // ssh2 alone fails once in 256.
  for (let count = 0; count < 2_000; count += 1) {
    const pair = await generateKeyPair();
    if (utils.parseKey(pair.private) instanceof Error) unreadable.push(pair.public);
  }
  t.same(unreadable, []);
});

t.test('commands, exit codes and both streams', async (t) => {
  const server = await sshServer();
  const shell = shellTo(() => server.port);
  t.teardown(async () => {
    shell.disconnect();
    await server.close();
  });
  t.same(await shell.run('echo hello\n'), { exitCode: 0, stdout: 'hello\n', stderr: 'to stderr\n' });
  t.equal(await shell.text('echo with newlines\n\n'), 'with newlines');
  t.equal((await shell.run('exit 7')).exitCode, 7);
  await t.rejects(shell.text('exit 7'), { code: 'shell.nonzero-exit', blame: 'board' });
  t.equal(server.connections(), 1, 'one connection serves all commands');
});

t.test('a lost connection fails the command, is made again, and nothing is sent twice', async (t) => {
  const server = await sshServer();
  const shell = shellTo(() => server.port);
  t.teardown(async () => {
    shell.disconnect();
    await server.close();
  });
  await t.rejects(shell.run('die'), { code: 'ssh.lost', blame: 'board' });
  t.equal(await shell.text('echo again'), 'again');
  server.cut();
  while (shell.connected) await new Promise((resolve) => setImmediate(resolve));
  t.equal(await shell.text('echo once more'), 'once more', 'a cut while idle is not an error');
  t.same(server.commands, ['die', 'echo again', 'echo once more']);
});

t.test('commands asked at once leave no connection behind', async (t) => {
  const server = await sshServer();
  const shell = shellTo(() => server.port);
  t.teardown(() => server.close());
  t.same(await Promise.all([shell.text('echo a'), shell.text('echo b')]), ['a', 'b']);
  shell.disconnect();
  while (server.open() > 0) await new Promise((resolve) => setImmediate(resolve));
  t.pass('every connection was closed from this end');
});

t.test('a command on a connection that has just ended is lost, and holds nobody up', async (t) => {
  const server = await sshServer();
  t.teardown(() => server.close());
  const signal = new AbortController().signal;
  const client = await connectOnce(
    { host: '127.0.0.1', port: server.port },
    {
      credentials: { user: 'root', privateKey: goodKey.private },
      login: { method: 'key' },
      timeoutMs: 20_000,
      signal,
    },
  );
  client.destroy();
  await t.rejects(runCommand(client, 'echo late', { timeoutMs: 60_000, signal }), {
    code: 'ssh.lost',
    blame: 'board',
  });
});

t.test('waits for a server that comes up late', async (t) => {
  let port = 1;
  const shell = shellTo(() => port);
  const answer = shell.text('echo up', { timeoutMs: 20_000 });
  const server = await sshServer();
  t.teardown(async () => {
    shell.disconnect();
    await server.close();
  });
  port = server.port;
  t.equal(await answer, 'up');
});

t.test('a connection that nobody greets is given up for a new one', async (t) => {
  const server = await sshServer();
  const held: Socket[] = [];
  // As QEMU does before the board's network is up: the first connection is taken and then nothing comes.
  const front = createServer((socket) => {
    held.push(socket);
    socket.on('error', () => {});
    if (held.length === 1) return;
    const back = connect(server.port, '127.0.0.1');
    socket.pipe(back).on('error', () => {});
    back.pipe(socket);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const shell = shellTo(() => (front.address() as AddressInfo).port);
  t.teardown(async () => {
    shell.disconnect();
    for (const socket of held) socket.destroy();
    await new Promise<void>((resolve) => front.close(() => resolve()));
    await server.close();
  });
  t.equal(await shell.text('echo up', { timeoutMs: 60_000 }), 'up');
  t.equal(held.length, 2);
});

t.test('time-outs, aborts and floods end a command', async (t) => {
  const server = await sshServer();
  const abort = new AbortController();
  const shell = shellTo(() => server.port);
  t.teardown(async () => {
    shell.disconnect();
    await server.close();
  });
  await shell.run('echo connected');
  await t.rejects(shell.run('hang', { timeoutMs: 100 }), { code: 'ssh.timeout', blame: 'board' });
  const hanging = shell.run('hang', { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await t.rejects(hanging, { message: 'enough' });
  await t.rejects(shell.run('flood'), { code: 'ssh.output-too-long', blame: 'suite' });
  t.equal(await shell.text('echo still there'), 'still there');
});

t.test('a refused login is told from no answer, and not tried again', async (t) => {
  const server = await sshServer();
  const shell = shellTo(() => server.port, { key: otherKey.private });
  t.teardown(async () => {
    shell.disconnect();
    await server.close();
  });
  await t.rejects(shell.run('echo x'), { code: 'ssh.refused-login', blame: 'board' });
  t.equal(server.connections(), 1);
  t.equal(await shell.accepts({ method: 'none' }), false);
  t.equal(await shell.accepts({ method: 'password', password: 'wrong' }), false);
  t.equal(await shell.accepts({ method: 'password', password: 'open sesame' }), true);
  t.equal(await shell.accepts({ method: 'key', privateKey: goodKey.private }), true, 'a key of the caller');
  const drawn = newSshKey(new SeededRandom({ seed: 1, id: 'a/b/c', attempt: 1 }));
  t.equal(await shell.accepts({ method: 'key', privateKey: drawn.privateKey }), false, 'a key of a stranger');
});

t.test('something that is no ssh server is no answer', async (t) => {
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise<void>((resolve) => tcp.close(() => resolve())));
  const shell = shellTo(() => (tcp.address() as AddressInfo).port);
  await t.rejects(shell.run('true', { timeoutMs: 400 }), { code: 'ssh.no-answer', blame: 'board' });
});
