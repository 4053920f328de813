import type { MachineSpec } from '../rig/contracts/board.js';
import type { Cancellable, LinkState } from '../rig/contracts/capabilities.js';
import { netdevId, nicId } from './command-line.js';
import type { Machine } from './machine.js';

/**
 * Cuts or restores the carrier of a running machine's network card. A card on the board has no id: its peer has, and QEMU tells the one of the
 * other (net/net.c, qmp_set_link).
 */
export async function setLink(
  machine: Machine,
  { spec, state, signal }: Cancellable & { readonly spec: MachineSpec; readonly state: LinkState },
): Promise<void> {
  const name = spec.nic === 'on-board' ? netdevId : nicId;
  await machine.execute('set_link', { name, up: state === 'up' }, { signal });
}
