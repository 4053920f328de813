import type { BoardRecord, RunRecord, SlotBootRecord, TestRecord } from '../../rig/record/model.js';
import { isDuring, nameOf } from '../../rig/record/model.js';
import { bootWords, isBadBoot, whyWords } from '../slot-words.js';
import { duration } from '../words.js';
import { anchorOf } from './links.js';
import { html, type Markup } from './markup.js';

const maxBoots = 200;

/** A line for each boot from a slot: what ran, what came of it, and why the bootloader chose it. */
export function renderSlots(run: RunRecord): Markup {
  const boards = run.boards.filter(({ slotBoots }) => slotBoots.length > 0);
  if (boards.length === 0) return html``;
  return html`<section id="slots"><h2>Slots</h2>${boards.map((board) => boardSlots(run, board))}</section>`;
}

function boardSlots(run: RunRecord, board: BoardRecord): Markup {
  const shown = board.slotBoots.slice(-maxBoots);
  const older = board.slotBoots.length - shown.length;
  return html`<div class="scroll slots" tabindex="0" role="region" aria-label="Slots of ${board.name}"><table><caption>${board.name}</caption>
<thead><tr><th scope="col">Boot</th><th scope="col">Slot</th><th scope="col">Version</th><th scope="col">Tries left</th><th scope="col">What came of it</th><th scope="col">Why this slot</th><th scope="col">Test</th></tr></thead><tbody>
${older > 0 && html`<tr><td colspan="7" class="none">${older} earlier boots are in the event log</td></tr>`}
${shown.map((boot) => bootRow(boot, { began: beginOf(board, boot), test: testOf(run, { board, boot }) }))}</tbody></table></div>`;
}

function bootRow(
  boot: SlotBootRecord,
  { began, test }: { readonly began: number | undefined; readonly test: TestRecord | undefined },
): Markup {
  return html`<tr><th scope="row">${boot.epoch}${began !== undefined && html` <span>at ${duration(began)}</span>`}</th><td><b>${boot.slot}</b></td><td>${boot.version ?? ''}</td><td class="num">${boot.tries ?? ''}</td>
<td class="came ${tone(boot)}">${bootWords(boot)}</td><td>${whyWords(boot)}</td><td>${test && html`<a href="#${anchorOf(test.id)}">${nameOf(test)}</a>`}</td></tr>
`;
}

function tone(boot: SlotBootRecord): string {
  if (boot.verdict === 'good') return 'v-passed';
  return isBadBoot(boot) ? 'v-failed' : 'v-skipped';
}

function beginOf(board: BoardRecord, { epoch }: SlotBootRecord): number | undefined {
  return board.epochs.find((one) => one.epoch === epoch)?.t;
}

/** The test during which the bootloader chose. */
function testOf(
  run: RunRecord,
  { board, boot }: { readonly board: BoardRecord; readonly boot: SlotBootRecord },
): TestRecord | undefined {
  const event = board.timeline.find((one) => one.type === 'epoch' && one.epoch === boot.epoch);
  return (
    event &&
    run.tests.find(
      (test) => test.board === board.name && test.attempts.some((attempt) => isDuring(event, attempt)),
    )
  );
}
