import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EvidenceRecord } from '../../rig/record/model.js';
import { readConsole } from '../console-text.js';
import { AnsiText } from './ansi.js';
import type { ConsoleBudget } from './budget.js';
import { fileLink } from './links.js';
import { html, type Markup } from './markup.js';

const previewBytes = 4 * 1024;
/** A text display is a few KiB, a photograph of a busy one more than a page should carry. */
const mostPictureBytes = 256 * 1024;

/** Links to what was gathered after a failure; texts, by their ends, and pictures are there to look at. */
export function renderEvidence(
  evidence: readonly EvidenceRecord[],
  { dir, budget }: { dir: string; budget: ConsoleBudget },
): Markup {
  if (evidence.length === 0) return html``;
  return html`<h4>Evidence</h4><ul class="evidence">${evidence.map((item) => evidenceItem(item, { dir, budget }))}</ul>`;
}

function evidenceItem(
  { name, file }: EvidenceRecord,
  { dir, budget }: { dir: string; budget: ConsoleBudget },
): Markup {
  const sizeBytes = sizeOf(join(dir, file));
  if (sizeBytes === undefined) return html`<li>${name} <small>the file is no longer there</small></li>`;
  const link = html`${fileLink(file, name)} <small>${sizeWords(sizeBytes)}</small>`;
  if (file.endsWith('.png') && sizeBytes <= mostPictureBytes && budget.takePreview())
    return html`<li><details><summary>${link}</summary>${picture(join(dir, file), { name, sizeBytes })}</details></li>`;
  // The console is on the time line below already.
  if (!/\.(txt|log)$/.test(file) || /(^|-)console\.txt$/.test(name) || !budget.takePreview())
    return html`<li>${link}</li>`;
  return html`<li><details><summary>${link}</summary><pre>${tail(join(dir, file), sizeBytes)}</pre></details></li>`;
}

/** Of a file, or of what lies in a folder that may be looked into. */
function sizeOf(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.size;
  try {
    return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
  } catch {
    // A kept board is for its owner's eyes alone.
    return found.size;
  }
}

/** In the page itself, which is one file; whatever the bytes are, a browser takes them for a picture alone. */
function picture(path: string, { name, sizeBytes }: { name: string; sizeBytes: number }): Markup {
  const bytes = readConsole(path, { start: 0, end: sizeBytes });
  return html`<img src="data:image/png;base64,${bytes.toString('base64')}" alt="${name}">`;
}

function tail(path: string, sizeBytes: number): Markup {
  const start = Math.max(0, sizeBytes - previewBytes);
  const lines = readConsole(path, { start, end: sizeBytes }).toString('utf8').split('\n');
  const ansi = new AnsiText();
  const whole = start === 0 ? lines : ['…', ...lines.slice(1)];
  return html`${whole.map(
    (line) => html`${ansi.render(line.replace(/\r$/, ''))}
`,
  )}`;
}

function sizeWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
