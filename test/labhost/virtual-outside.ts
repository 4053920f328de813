import { join } from 'node:path';
import type { Wire } from '../../qemu/command-line.js';
import { openVirtualBoard } from '../../qemu/driver.js';
import type { DeviceEvent } from '../../rig/contracts/driver.js';
import type { RigError } from '../../rig/contracts/errors.js';
import { referenceBoard } from '../snapshots/guest.js';
import type { OutsideBoard } from './outside-board.js';

/** The virtual arm64 board with nothing but its wires: supply, serial line, network cable and the medium in its slot. */
export async function virtualOutside(
  folder: string,
  { wire, say, lost }: { wire: Wire; say(bytes: Uint8Array): void; lost(error: RigError): void },
): Promise<OutsideBoard & AsyncDisposable & { cpuSeconds(): number }> {
  const board = await referenceBoard('outside', folder);
  const emit = (event: DeviceEvent): void => {
    if (event.kind === 'lost') lost(event.error);
  };
  const device = await openVirtualBoard(
    { board, workDir: join(folder, 'work'), stateDir: join(folder, 'state'), emit },
    { wire },
  );
  const { power, mux, link, console: port } = device.capabilities;
  if (!power || !mux || !link || !port) throw new Error('the virtual board lost its wires');
  // Until the port of the lab host is up.
  await link.down();
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
    cable: (carrier) => (carrier ? link.up() : link.down()),
    cpuSeconds: () => device.cpuSeconds?.() ?? 0,
    [Symbol.asyncDispose]: () => device[Symbol.asyncDispose](),
  };
}
