import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolveImage } from '../../rig/cli/image-ref.js';
import { mediumWriter } from '../../rig/cli/medium-writer.js';
import { drivers, openDevices } from '../../rig/cli/registry.js';
import { findBoard } from '../../rig/config/find-boards.js';
import { loadLab } from '../../rig/config/lab.js';
import type { Image } from '../../rig/contracts/board.js';
import type { BoardSession } from '../../rig/contracts/session.js';
import { BoardControl } from '../../rig/core/board/board-control.js';
import { openSession } from '../../rig/core/session/open.js';
import { measureSpeedFactor } from '../../rig/lifetime/host-speed.js';
import { SecretMask } from '../../rig/record/secrets.js';

export interface BenchBoard extends AsyncDisposable {
  readonly session: BoardSession;
  readonly board: BoardControl;
}

/** The board `name` with the reference image newly on its medium, powered off. */
export async function openBoard(name: string, folder: string): Promise<BenchBoard> {
  const { env } = process;
  const lab = await loadLab({ cwd: folder, env, drivers });
  const config = { ...findBoard(lab, name), name: `bench-${name}` };
  const { signal } = new AbortController();
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const image = await resolveImage(config, { ref: undefined, cwd: folder, env, signal, progress });
  if (typeof image !== 'object') throw new Error(`no reference image for ${name}`);
  const session = await openSession(config, { purpose: 'npm run bench', exclusive: true, openDevices });
  const board = await BoardControl.open({
    session,
    privateKey: keyOf,
    emit: () => undefined,
    consolePath: join(folder, `${name}.raw`),
    secrets: new SecretMask([]),
    writer: mediumWriter,
    scale: measureSpeedFactor(),
  });
  try {
    await board.provision(image);
  } catch (error) {
    await board[Symbol.asyncDispose]();
    throw error;
  }
  return { session, board, [Symbol.asyncDispose]: () => board[Symbol.asyncDispose]() };
}

function keyOf(image: Image | undefined): string | undefined {
  return image?.sshKeyFile === undefined ? undefined : readFileSync(image.sshKeyFile, 'utf8');
}
