import { visible, visibleLine } from '../visible.js';
import { blameWords } from '../words.js';
import type { Digest, DigestFailure } from './digest.js';

/** GitHub shows ten of each level for a step. */
const most = 10;

/**
 * Failures as workflow commands of GitHub Actions, which it shows beside the change: errors for what failed, a warning where the rig was at
 * fault, a notice for what is in quarantine.
 */
export function githubAnnotations({ failures }: Digest): string {
  return failures.slice(0, most).map(annotation).join('');
}

function annotation({ place, suite, name, verdict, isNew, excused, error }: DigestFailure): string {
  const level = excused ? 'notice' : verdict === 'failed' ? 'error' : 'warning';
  const title = `${isNew ? 'New: ' : ''}${place}/${suite}/${name}`;
  const at = error?.place;
  const file =
    at === undefined ? '' : `file=${property(at.file)}${at.line === undefined ? '' : `,line=${at.line}`},`;
  const hint = error && error.hint !== '' ? `\nTry: ${error.hint}` : '';
  const message = error ? `${blameWords[error.blame]}: ${error.message}${hint}` : verdict;
  return `::${level} ${file}title=${property(title)}::${data(message)}\n`;
}

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions: what would end a message is escaped. */
function data(text: string): string {
  return visible(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(visibleLine(text)).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
