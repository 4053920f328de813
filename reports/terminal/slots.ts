import type { BoardRecord, RunRecord, SlotBootRecord } from '../../rig/record/model.js';
import { bootWords, whyWords } from '../slot-words.js';
import { visibleLine } from '../visible.js';

const maxBoots = 40;
const heads = ['boot', 'slot', 'version', 'left', 'what came of it', 'why this slot'];

/** A line for each boot from a slot, in columns; empty for a run without any. */
export function slotsText(run: RunRecord): string {
  return run.boards
    .filter(({ slotBoots }) => slotBoots.length > 0)
    .map(boardText)
    .join('');
}

function boardText({ name, slotBoots }: BoardRecord): string {
  const shown = slotBoots.slice(-maxBoots);
  const rows = [heads, ...shown.map(cells)];
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const older = slotBoots.length - shown.length;
  const note = older > 0 ? [`${older} earlier boots are in the report`] : [];
  return `\nSlots of ${visibleLine(name)}\n${[...note, ...lines].map((line) => `  ${line}\n`).join('')}`;
}

function cells(boot: SlotBootRecord): string[] {
  const { epoch, slot, version = '', tries } = boot;
  const left = tries === undefined ? '' : String(tries);
  return [String(epoch), slot, version, left, bootWords(boot), whyWords(boot)].map(visibleLine);
}
