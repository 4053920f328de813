import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mediumWriter } from '../../rig/cli/medium-writer.js';
import { openDevices } from '../../rig/cli/registry.js';
import { loadBoardType } from '../../rig/config/board-type.js';
import { Problems } from '../../rig/config/problems.js';
import type { MachineSpec } from '../../rig/contracts/board.js';
import type { EventBody } from '../../rig/contracts/events.js';
import type { MediumWriter } from '../../rig/contracts/medium-writer.js';
import { BoardControl } from '../../rig/core/board/board-control.js';
import { LocalSession } from '../../rig/core/session/local.js';
import { measureSpeedFactor } from '../../rig/lifetime/host-speed.js';
import { SecretMask } from '../../rig/record/secrets.js';

export interface FlasherBoard extends AsyncDisposable {
  readonly board: BoardControl;
  readonly events: readonly EventBody[];
}

export interface FlasherBoardOptions {
  /** Default: the built-in board with internal storage and a slot. */
  readonly name?: string;
  /** Another machine than that of its type. */
  readonly change?: (machine: MachineSpec) => MachineSpec;
  readonly writer?: MediumWriter;
}

export async function openFlasherBoard(
  folder: string,
  {
    name = 'virt-arm64-flasher',
    change = (machine) => machine,
    writer = mediumWriter,
  }: FlasherBoardOptions = {},
): Promise<FlasherBoard> {
  const problems = new Problems();
  const found = await loadBoardType(name, folder, { cwd: folder, env: {}, problems });
  if (!found?.type.machine) throw new Error(`the built-in board ${name} is not there`);
  const machine = change(found.type.machine);
  const lacksDisk = machine.disk === undefined;
  const type = {
    ...found.type,
    machine,
    capabilities: found.type.capabilities.filter((each) => !(lacksDisk && each === 'storage')),
  };
  const roots = { runtime: join(folder, 'run'), state: join(folder, 'state') };
  for (const root of Object.values(roots)) mkdirSync(root, { recursive: true, mode: 0o700 });
  const session = await LocalSession.open(
    { name, type, profile: found.profile, labels: [], drivers: {} },
    {
      holder: {
        pid: process.pid,
        command: 'test',
        user: 'test',
        host: 'test',
        since: new Date().toISOString(),
      },
      openDevices,
      roots,
    },
  );
  const events: EventBody[] = [];
  const board = await BoardControl.open({
    session,
    privateKey: () => undefined,
    emit: (event) => void events.push(event),
    consolePath: join(folder, 'console.raw'),
    secrets: new SecretMask([]),
    scale: measureSpeedFactor(),
    writer,
  });
  return { board, events, [Symbol.asyncDispose]: () => board[Symbol.asyncDispose]() };
}
