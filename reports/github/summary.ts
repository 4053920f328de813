import { firstLine } from '../../rig/contracts/errors.js';
import { visible, visibleLine } from '../visible.js';
import { blameWords, countWords, duration, marks } from '../words.js';
import type { Digest, DigestFailure } from './digest.js';

const most = 40;
const consoleLines = 14;

/** The digest as Markdown, for a job's summary or a comment. */
export function markdownSummary(digest: Digest): string {
  const { title, word, news, counts, ms, failures } = digest;
  const left = failures.length - most;
  return [
    `## ${line(title)}: ${word}`,
    '',
    `${news === undefined ? '' : `**${line(news)}** · `}${countWords(counts)} in ${duration(ms)}`,
    '',
    ...failures.slice(0, most).flatMap(failureLines),
    ...(left > 0 ? [`${left} more are in the report.`, ''] : []),
    ...table(digest),
  ].join('\n');
}

function failureLines({
  place,
  suite,
  name,
  verdict,
  isNew,
  excused,
  error,
  console,
}: DigestFailure): string[] {
  const tags = [isNew && 'new', excused && 'in quarantine', error && blameWords[error.blame]].filter(Boolean);
  return [
    `- ${marks[verdict]} **${line(`${place}/${suite}/${name}`)}** (${tags.join(', ')})`,
    ...(error ? [`  ${line(firstLine(error.message))}`] : []),
    ...(error && error.hint !== '' ? [`  *Try:* ${line(error.hint)}`] : []),
    '',
    ...(console === undefined ? [] : [block(console), '']),
  ];
}

function table({ cells }: Digest): string[] {
  if (cells.length === 0) return [];
  const suites = [...new Set(cells.map(({ suite }) => suite))];
  const places = [...new Set(cells.map(({ place }) => place))];
  const cell = (place: string, suite: string): string => {
    const found = cells.find((one) => one.place === place && one.suite === suite);
    return found ? `${marks[found.verdict]} ${countWords(found.counts)}` : '';
  };
  return [
    `| | ${suites.map(line).join(' | ')} |`,
    `| --- | ${suites.map(() => '---').join(' | ')} |`,
    ...places.map((place) => `| ${line(place)} | ${suites.map((suite) => cell(place, suite)).join(' | ')} |`),
    '',
  ];
}

/** Text on one line in which nothing is Markdown, HTML, a mention or a link: whatever could begin one becomes an entity. */
function line(text: string): string {
  return visibleLine(text).replaceAll(
    /(?<![\p{L}\p{N}])-|[^\p{L}\p{N} ,;/.'()?=%-]/gu,
    (sign) => `&#${sign.codePointAt(0)};`,
  );
}

/** In `pre` nothing but HTML counts, and only until `</pre>`. */
function block(text: string): string {
  const shown = visible(text.replaceAll(/\x1b\[[\d;]*m/g, '').replaceAll('\r', ''))
    .trimEnd()
    .split('\n')
    .slice(-consoleLines);
  const escaped = shown.join('\n').replaceAll(/[&<>"'@`]/g, (sign) => `&#${sign.codePointAt(0)};`);
  // Not within the list's item: a line that is not indented would end it, and the block with it.
  return `<pre>${escaped}</pre>`;
}
