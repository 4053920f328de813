import { extname } from 'node:path';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { ShellResult } from '../../contracts/suite.js';
import type { Bundle, InstallOptions, UpdatePromise } from '../../contracts/update.js';
import { abortable } from '../../lifetime/abortable.js';
import { need } from '../board/absent.js';
import type { Bootable } from '../board/boot.js';
import { looks } from '../board/observe.js';
import { BundleServer } from './bundle-server.js';
import { runDetached } from './detached.js';
import type { UpdateDriver } from './driver.js';
import { fill } from './template.js';

const installMs = 180_000;
/** On the board: where the command that installs leaves what it said. */
const scratch = '/tmp/boardrig-install';

export interface HandOverOptions extends InstallOptions {
  readonly promise: UpdatePromise;
  readonly driver: UpdateDriver;
}

/** Serves `bundle`, and has the board take it from there. @returns what the product's command came to */
export async function handOver(
  board: Bootable,
  bundle: Bundle,
  options: HandOverOptions,
): Promise<ShellResult> {
  const { circuit, shells } = board;
  const { session, scale } = circuit;
  const address = need(session.capabilities.address, 'address', circuit.name);
  const id = bundle.sha256.slice(0, 12);
  const serving: { server?: BundleServer } = {};
  const ended = new AbortController();
  try {
    const port = await circuit.observe(`port that serves bundle ${id}`, async () => {
      serving.server = await BundleServer.open(bundle.path, {
        bindAddress: session.board.type.machine ? '127.0.0.1' : '0.0.0.0',
        hold: options.halfway !== undefined,
      });
      return serving.server.port;
    });
    const host = await circuit.observe(looks.hostAddress, () => address.hostAddress(circuit.cancellable()));
    // Some products look at the ending before they look inside.
    const name = `update${extname(bundle.path)}`;
    const command = commandFor(name, { ...options, url: `http://${host}:${port}/${name}` });
    const installing = runDetached(shells.preferred, command, {
      folder: scratch,
      timeoutMs: options.timeoutMs ?? installMs,
      scale,
      stillThere: stillThere(board),
    }).finally(() => ended.abort(halfNotReached()));
    const [installed, half] = await Promise.allSettled([
      installing,
      halfway(board, { ...options, serving, signal: ended.signal }),
    ]);
    if (half.status === 'rejected') throw half.reason;
    if (installed.status === 'rejected') throw installed.reason;
    return installed.value;
  } finally {
    await serving.server?.[Symbol.asyncDispose]();
  }
}

/** Into the product's folder first, where it does not fetch by itself; nothing of it is left there. */
function commandFor(
  name: string,
  { promise: { fetch }, driver, url }: HandOverOptions & { readonly url: string },
): string {
  if (!fetch) return driver.install(url);
  const file = `${fetch.folder}/boardrig-${name}`;
  const steps = `${fill(fetch.command, { url, file })} && ${driver.install(file)}`;
  return `${steps}; code=$?; ${fill('rm -f {file}', { file })}; (exit $code)`;
}

async function halfway(
  { circuit }: Bootable,
  {
    halfway: act,
    serving,
    signal,
  }: InstallOptions & Required<Cancellable> & { readonly serving: { readonly server?: BundleServer } },
): Promise<void> {
  if (!act) return;
  try {
    await circuit.observe('half of the bundle has left', async () => {
      if (serving.server) await abortable(serving.server.half, { signal });
      return undefined;
    });
    await act({ drop: () => serving.server?.drop() });
  } catch (error) {
    // Why the product did not come so far is told by its command.
    if (!(error instanceof RigError && error.code === halfNotReachedCode)) throw error;
  } finally {
    serving.server?.release();
  }
}

/** @returns what throws once the board that the command ran on is gone */
function stillThere({ circuit }: Bootable): () => Promise<void> {
  const { epochs } = circuit.life;
  return async () => {
    circuit.signal.throwIfAborted();
    const state = (await circuit.session.capabilities.power?.state()) ?? 'unknown';
    if (state === 'off' || circuit.life.epochs !== epochs) throw interrupted(circuit.name, state === 'off');
  };
}

function interrupted(name: string, isOff: boolean): RigError {
  return new RigError(
    `The installation on ${name} was interrupted: the board ${isOff ? 'is off' : 'began anew'}`,
    {
      code: 'update.interrupted',
      blame: 'board',
      hint: 'Unless the test meant it: the console tells why, and what the product made of it.',
    },
  );
}

const halfNotReachedCode = 'update.half-not-reached';

function halfNotReached(): RigError {
  return new RigError('The installation ended before half of the bundle had left', {
    code: halfNotReachedCode,
    blame: 'board',
    hint: 'What the product said of the installation tells why.',
  });
}
