import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../rig/config/package.js';
import type { SessionConsole } from '../../rig/contracts/session.js';

/** Median time of a command through labgrid's own SerialDriver and ShellDriver, on the same console over TCP. */
export async function labgridRoundTripMs(line: SessionConsole, times: number): Promise<number> {
  const relay = createServer({ noDelay: true }, (peer) => {
    const reader = line.subscribe({
      data: (chunk) => void peer.write(Buffer.from(chunk)),
      lost: () => peer.destroy(),
    });
    peer.on('data', (bytes) => void line.write(bytes).catch((error: Error) => peer.destroy(error)));
    peer.on('error', () => peer.destroy());
    peer.on('close', () => reader[Symbol.dispose]());
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const address = relay.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  try {
    const script = join(packageRoot, 'bench/board/labgrid_shell.py');
    const { stdout } = await promisify(execFile)('/usr/bin/python3', [
      '-W',
      'ignore',
      script,
      String(port),
      String(times),
    ]);
    return Number(stdout);
  } finally {
    relay.close();
  }
}
