import { type CrashState, type LogEntry, type Phase, sectorBytes } from '../../contracts/powercut.js';
import type { ExplainedWrite } from '../../contracts/powercut-verdict.js';
import type { RegionsAt } from './danger.js';
import { epochsOf } from './epochs.js';

export interface ExplainOptions {
  readonly entries: readonly LogEntry[];
  readonly phases: readonly Phase[];
  readonly regionsAt: RegionsAt;
  readonly torn?: CrashState['torn'];
  /** Files that an entry changed, where the file system tells. */
  readonly filesOf?: ReadonlyMap<number, readonly string[]>;
}

/** What writes are, for people: where they went, in which phase of the operation, which file or structure they changed. */
export function explainWrites(
  writes: readonly number[],
  { entries, phases, regionsAt, torn, filesOf }: ExplainOptions,
): ExplainedWrite[] {
  const epochs = epochsOf(entries);
  return writes.flatMap((number) => {
    const entry = entries[number];
    if (!entry) return [];
    const regions = regionsAt(entry.sector, entry.sectors);
    const names = [...new Set([...(filesOf?.get(number) ?? []), ...regions.map(({ what }) => what)])];
    return [
      {
        entry: number,
        sector: entry.sector,
        sectors: entry.sectors,
        bytes: entry.sectors * sectorBytes,
        phase: phases.findLast(({ from }) => from <= number)?.name ?? '',
        epoch: epochs.findLast(({ from }) => from <= number)?.number ?? 0,
        what: `${entry.kind === 'discard' ? 'discard of ' : ''}${listOf(names)}`,
        regions: [...new Set(regions.map(({ kind }) => kind))],
        ...(torn?.entry === number ? { keptSectors: torn.sectors } : {}),
      },
    ];
  });
}

/** A bulk write may hit hundreds of files. */
const mostNames = 4;

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).join('; ');
  const rest = names.length - mostNames;
  return rest > 0 ? `${shown}; and ${rest} more` : shown;
}
