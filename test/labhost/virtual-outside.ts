import { join } from 'node:path';
import { qemuDriver } from '../../qemu/driver.js';
import type { DeviceEvent } from '../../rig/contracts/driver.js';
import type { RigError } from '../../rig/contracts/errors.js';
import { referenceBoard } from '../snapshots/guest.js';
import type { OutsideBoard } from './outside-board.js';

/** The virtual arm64 board with nothing but its wires: supply, serial line and the medium in its slot. */
export async function virtualOutside(
  folder: string,
  { say, lost }: { say(bytes: Uint8Array): void; lost(error: RigError): void },
): Promise<OutsideBoard & AsyncDisposable & { cpuSeconds(): number }> {
  const board = await referenceBoard('outside', folder);
  const emit = (event: DeviceEvent): void => {
    if (event.kind === 'lost') lost(event.error);
  };
  const device = await qemuDriver.open(
    { driver: 'qemu', options: {} },
    { board, workDir: join(folder, 'work'), stateDir: join(folder, 'state'), emit },
  );
  const { power, mux, console: port } = device.capabilities;
  if (!power || !mux || !port) throw new Error('the virtual board lost its wires');
  const line = await port.open({ data: say, lost });
  let on = false;
  return {
    async power(wanted) {
      await (wanted ? power.on() : power.off());
      on = wanted;
    },
    // A board that is off hears nothing.
    typed: (bytes) => void (on ? line.write(bytes).catch(lost) : undefined),
    cardOut: async () => (await mux.toRig()).path,
    cardIn: () => mux.toBoard(),
    cpuSeconds: () => device.cpuSeconds?.() ?? 0,
    [Symbol.asyncDispose]: () => device[Symbol.asyncDispose](),
  };
}
