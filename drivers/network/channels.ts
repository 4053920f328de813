import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { configure } from './interface.js';

/**
 * Makes sure that an access point of `name` may use `channel` as the rules of the country are that the radios keep now.
 *
 * @throws RigError `network.channel-refused` with those that it may use
 */
export async function assertChannelAllowed(
  name: string,
  { channel, country, signal }: { channel: number; country: string } & Cancellable,
): Promise<void> {
  const info = await configure('iw', ['dev', name, 'info'], { signal });
  const phy = /^\s*wiphy (\d+)$/m.exec(info)?.[1];
  if (phy === undefined) throw refused(`${name} is no radio`, []);
  const channels = parseChannels(await configure('iw', ['phy', `phy${phy}`, 'channels'], { signal }));
  const found = channels.filter((one) => one.channel === channel);
  if (found.some(({ obstacle }) => obstacle === undefined)) return;
  const allowed = channels.filter(({ obstacle }) => obstacle === undefined).map((one) => one.channel);
  const why = found[0]?.obstacle ?? 'the radio does not have it';
  throw refused(`An access point may not use channel ${channel} in ${country}: ${why}`, allowed);
}

export interface Channel {
  readonly channel: number;
  /** Why no access point may be opened there. */
  readonly obstacle?: string;
}

/** What `iw phy PHY channels` tells: `* 2412 MHz [1]`, with `(disabled)` behind or `No IR` and `Radar detection` below. */
export function parseChannels(text: string): Channel[] {
  const entries = text.split(/^\s*\* (?=\d+ MHz \[)/m).slice(1);
  return entries.flatMap((entry) => {
    const channel = /^\d+ MHz \[(\d+)\]/.exec(entry)?.[1];
    if (channel === undefined) return [];
    const obstacle = obstacleIn(entry);
    return [{ channel: Number(channel), ...(obstacle === undefined ? {} : { obstacle }) }];
  });
}

function obstacleIn(entry: string): string | undefined {
  if (/^[^\n]*\(disabled\)/.test(entry)) return 'it is forbidden there';
  if (/^\s*No IR\b/m.test(entry)) return 'nobody may begin to send there';
  if (/^\s*Radar detection\b/m.test(entry))
    return 'who sends there must look for radar first, which the rig does not';
  return undefined;
}

function refused(message: string, allowed: readonly number[]): RigError {
  return new RigError(message, {
    code: 'network.channel-refused',
    blame: 'config',
    hint: `Take one of these channels: ${allowed.join(', ') || 'none'}.`,
    evidence: { allowed },
  });
}
