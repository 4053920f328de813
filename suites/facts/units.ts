import { quoted } from './sections.js';
import { unreadable } from './unreadable.js';

/** What systemd knows of one unit. */
export interface UnitFacts {
  readonly name: string;
  /** `loaded`, `not-found`, `masked`. */
  readonly load: string;
  /** `active`, `inactive`, `failed`, … */
  readonly active: string;
  readonly mainPid: number;
  readonly restarts: number;
}

export function unitsCommand(names: readonly string[]): string {
  return `systemctl show -p Id,LoadState,ActiveState,MainPID,NRestarts ${names.map(quoted).join(' ')}`;
}

/**
 * Blocks of `systemctl show`, one a unit, an empty line between them (systemctl(1)).
 *
 * @throws RigError `facts.unreadable` unless each of `names` is there, in this order
 */
export function parseUnits(text: string, names: readonly string[]): readonly UnitFacts[] {
  const blocks = text.trim().split(/\n\s*\n/);
  if (blocks.length !== names.length)
    throw unreadable('the units', text, `it tells of ${blocks.length} units instead of ${names.length}`);
  return blocks.map((block, index) => {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const load = fields.get('LoadState');
    const active = fields.get('ActiveState');
    if (load === undefined || active === undefined)
      throw unreadable('a unit', block, 'it has no LoadState or ActiveState');
    return {
      name: names[index] ?? '',
      load,
      active,
      mainPid: Number(fields.get('MainPID') ?? 0),
      restarts: Number(fields.get('NRestarts') ?? 0),
    };
  });
}
