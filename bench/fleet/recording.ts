import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';

/** What a real board said in a recorded run. */
const recorded = readFileSync(
  join(packageRoot, 'test/fixtures/recorded/v1/console/virt-arm64.raw'),
  'latin1',
);
const linesBetween = 20;

/** The recording again and again, `bytes` long, with lines that only this board says: what waits look for, in their order. */
export function recording(
  board: number,
  bytes: number,
): { readonly text: Buffer; readonly marks: readonly string[] } {
  const lines = recorded.split('\n');
  const marks: string[] = [];
  const parts: string[] = [];
  for (let size = 0, number = 0; size < bytes; number += 1) {
    let part = `${lines[number % lines.length] ?? ''}\n`;
    if (number % linesBetween === linesBetween - 1) {
      const mark = `board ${board} is at ${marks.length + 1} of its way`;
      marks.push(mark);
      part += `${mark}\r\n`;
    }
    parts.push(part);
    size += part.length;
  }
  return { text: Buffer.from(parts.join(''), 'latin1'), marks };
}
