import type { RunRecord, TestRecord } from '../../rig/record/model.js';
import { byRepeatedTest, repetitionWords, worst } from '../repetitions.js';
import { marks } from '../words.js';
import { html, type Markup } from './markup.js';

const maxPassed = 3;
const maxOthers = 25;
/** A narrower one cannot be seen. */
const maxRects = 400;

/** How often each repeated test passed, and a strip with one mark for each repetition in order. */
export function renderRepetitions(run: RunRecord): Markup {
  const groups = [...byRepeatedTest(run.tests).values()];
  if (groups.length === 0) return html``;
  return html`<section id="repetitions"><h2>Repetitions</h2><ol class="failures">${groups.map(row)}</ol></section>`;
}

function row(tests: readonly TestRecord[]): Markup {
  const [first] = tests;
  const verdict = worst(tests);
  return html`<li class="v-${verdict}"><span class="mk">${marks[verdict]}</span> <b>${first?.name}</b> <small>${first?.repetition?.board}, ${first?.suite}</small>
<p>${repetitionWords(tests)}</p>${strip(tests)}</li>`;
}

function strip(tests: readonly TestRecord[]): Markup {
  const number = (test: TestRecord): number => test.repetition?.number ?? 0;
  const shown = [...tests].sort((a, b) => number(a) - number(b)).slice(-maxRects);
  const width = (100 / shown.length).toFixed(3);
  return html`<svg class="share-bar" width="100%" height="10" aria-hidden="true">${shown.map(
    (test, index) =>
      html`<rect class="v-${test.verdict}" x="${((index * 100) / shown.length).toFixed(3)}%" width="${width}%" height="10"><title>#${number(test)} ${test.verdict}</title></rect>`,
  )}</svg>`;
}

/** The page stays small: of a test's repetitions those that did not pass, up to a number, and a few that did. */
export function shownTests(tests: readonly TestRecord[]): readonly TestRecord[] {
  const passed = new Map<string, number>();
  const others = new Map<string, number>();
  return tests.filter(({ verdict, repetition }) => {
    if (!repetition) return true;
    const counts = verdict === 'passed' ? passed : others;
    const before = counts.get(repetition.of) ?? 0;
    counts.set(repetition.of, before + 1);
    return before < (verdict === 'passed' ? maxPassed : maxOthers);
  });
}
