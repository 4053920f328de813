import { qemuDriver } from '../../qemu/driver.js';
import { buildImage } from '../../qemu/image/build.js';
import { drivers } from '../../rig/cli/registry.js';
import { findBoard } from '../../rig/config/find-boards.js';
import { cacheDir } from '../../rig/config/folders.js';
import { loadLab } from '../../rig/config/lab.js';
import type { BoardConfig } from '../../rig/contracts/board.js';
import type { Capabilities } from '../../rig/contracts/capabilities.js';
import type { Device, DeviceEvent } from '../../rig/contracts/driver.js';
import type { BuiltImage } from '../../rig/contracts/image-builder.js';
import { pollUntil } from '../../rig/lifetime/poll.js';

const generousMs = 60_000;

/** A board on whose console somebody is root. */
export interface Guest {
  /** Console text since the last `run` began. */
  readonly text: string;
  type(text: string): Promise<void>;
  until(literal: string): Promise<void>;
  /** What a command printed. @throws when it fails */
  run(command: string): Promise<string>;
}

/** A `Guest` on whatever carries a console; `feed` takes what came. */
export function guestOn(
  write: (bytes: Uint8Array) => Promise<void>,
): Guest & { feed(chunk: Uint8Array): void } {
  let text = '';
  let count = 0;
  const until = async (literal: string): Promise<void> => {
    await pollUntil(() => text.includes(literal), {
      what: `${JSON.stringify(literal)} in ${JSON.stringify(text.slice(-300))}`,
      timeoutMs: generousMs,
      everyMs: 5,
    });
  };
  const type = (typed: string): Promise<void> => write(Buffer.from(typed));
  return {
    get text() {
      return text;
    },
    feed: (chunk) => {
      text += Buffer.from(chunk).toString('latin1');
    },
    type,
    until,
    async run(command) {
      count += 1;
      text = '';
      // What is echoed of the typed line has quotes in it.
      await type(`echo "<"${count}"<"; ${command}; echo ">"${count}">"$?\n`);
      const over = new RegExp(`<${count}<\\r\\n([^]*)>${count}>(\\d+)\\r\\n`);
      const found = await pollUntil(() => over.exec(text), {
        what: `the end of ${command} in ${JSON.stringify(text.slice(-300))}`,
        timeoutMs: generousMs,
        everyMs: 5,
      });
      if (found[2] !== '0') throw new Error(`${command} failed with ${found[2]}: ${found[1]}`);
      return (found[1] ?? '').replaceAll('\r', '').trim();
    },
  };
}

/** The reference image, from the cache or built. */
export function referenceImage(): Promise<BuiltImage> {
  const request = { flavour: 'tiny', arch: 'arm64', variant: 'dev', version: '1.0.0' } as const;
  return buildImage(request, { cacheDir: cacheDir(process.env) });
}

export async function referenceBoard(name: string, folder: string): Promise<BoardConfig> {
  const lab = await loadLab({ cwd: folder, env: process.env, drivers });
  return { ...findBoard(lab, 'virt-arm64'), name };
}

export interface Fork extends AsyncDisposable {
  readonly guest: Guest;
  readonly events: readonly DeviceEvent[];
  readonly can: Capabilities & Required<Pick<Capabilities, 'power' | 'storage' | 'address' | 'snapshots'>>;
  readonly device: Device;
}

/** A board of its own in `folder`, without a session around it. */
export async function openFork(board: BoardConfig, folder: string): Promise<Fork> {
  const events: DeviceEvent[] = [];
  const device = await qemuDriver.open(
    { driver: 'qemu', options: {} },
    {
      board,
      workDir: `${folder}/${board.name}-work`,
      stateDir: `${folder}/${board.name}-state`,
      emit: (event) => events.push(event),
    },
  );
  const guest = guestOn(async (bytes) => (await line)?.write(bytes));
  const line = device.capabilities.console?.open({ data: (chunk) => guest.feed(chunk), lost: () => {} });
  const { power, storage, address, snapshots } = device.capabilities;
  if (!power || !storage || !address || !snapshots) throw new Error('the board cannot do what is tested');
  return {
    guest,
    events,
    device,
    can: { ...device.capabilities, power, storage, address, snapshots },
    [Symbol.asyncDispose]: () => device[Symbol.asyncDispose](),
  };
}
