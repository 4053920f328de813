import type { BoardConfig } from '../../contracts/board.js';
import { type Capabilities, type CapabilityName, drivenCapabilities } from '../../contracts/capabilities.js';
import type { Device } from '../../contracts/driver.js';
import { RigError } from '../../contracts/errors.js';
import { fixedAddress } from './fixed-address.js';

/**
 * The union of what the devices give. A board whose lab file tells its host has that address, unless a device finds it.
 *
 * @throws RigError `board.capability-twice`: two devices give the same, and the rig never guesses between two
 */
export function mergeCapabilities(board: BoardConfig, devices: readonly Device[]): Capabilities {
  const merged: Record<string, unknown> = {};
  for (const name of drivenCapabilities) {
    const [first, second] = devices.filter((device) => device.capabilities[name] !== undefined);
    if (first && second) {
      throw new RigError(
        `Board "${board.name}" gets "${name}" twice: from ${first.driver.name} and from ${second.driver.name}`,
        {
          code: 'board.capability-twice',
          blame: 'config',
          hint: 'Take one of the two drivers out of the board in the lab file.',
        },
      );
    }
    if (first) merged[name] = first.capabilities[name];
  }
  const host = board.ssh?.host;
  if (host !== undefined) merged.address ??= fixedAddress(host);
  return merged as Capabilities;
}

/** What a suite may need: what the devices give, and a shell where something can carry one. */
export function capabilitiesOf(board: BoardConfig, capabilities: Capabilities): ReadonlySet<CapabilityName> {
  const names = new Set<CapabilityName>(
    drivenCapabilities.filter((name) => capabilities[name] !== undefined),
  );
  if (capabilities.address || (capabilities.console && board.type.signatures.prompt)) {
    names.add('shell');
  }
  return names;
}

/** @throws RigError `board.capability-missing` unless the board has all that its type promises */
export function assertPromisesKept(board: BoardConfig, has: ReadonlySet<CapabilityName>): void {
  const missing = board.type.capabilities.filter((name) => !has.has(name));
  if (missing.length === 0) return;
  throw new RigError(
    `Board "${board.name}" lacks ${missing.join(', ')}, which its type "${board.type.name}" promises`,
    {
      code: 'board.capability-missing',
      blame: 'config',
      hint: 'Give it drivers for them in the lab file, or take them out of the board type.',
      evidence: { missing, has: [...has] },
    },
  );
}
