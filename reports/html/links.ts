import { createHash } from 'node:crypto';
import { html, type Markup, type Part } from './markup.js';

/** A link to a file of the run folder, in which the page lies; `anchor`: a place in it. */
export function fileLink(file: string, label: Part = file, anchor?: string): Markup {
  const address = `./${file.split('/').map(encodeSegment).join('/')}${anchor === undefined ? '' : `#${anchor}`}`;
  return html`<a href="${address}">${label}</a>`;
}

/** Anchor of a test: readable, stable from run to run, unique. */
export function anchorOf(id: string): string {
  const readable = id
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 60);
  return `t-${readable}-${createHash('sha256').update(id).digest('hex').slice(0, 6)}`;
}

/** A lone surrogate has no encoding and cannot be the name of a file of ours. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.replaceAll(/\p{Cs}/gu, '_'));
}
