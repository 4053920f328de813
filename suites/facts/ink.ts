import type { Picture } from '../../rig/mod.js';

/** Wider than a stroke of any letter on a text console, whose cells are 8 to 16 pixels wide (Linux, lib/fonts). */
const strokePx = 16;

/** What is drawn on the ground of a picture, which is its most frequent colour. */
export interface Ink {
  readonly pixels: number;
  /** Of all pixels, 0 to 1. */
  readonly share: number;
  /** Of the ink, 0 to 1: what lies in runs along a row that are no wider than a stroke of a letter. Text has little else. */
  readonly strokes: number;
}

export function inkOf({ widthPx, heightPx, rgb }: Picture): Ink {
  const colours = Array.from({ length: widthPx * heightPx }, (_, pixel) => colourAt(rgb, pixel));
  const ground = mostFrequent(colours);
  let ink = 0;
  let inStrokes = 0;
  for (let row = 0; row < heightPx; row += 1) {
    let run = 0;
    for (let column = 0; column <= widthPx; column += 1) {
      if (column < widthPx && colours[row * widthPx + column] !== ground) {
        run += 1;
        continue;
      }
      ink += run;
      if (run <= strokePx) inStrokes += run;
      run = 0;
    }
  }
  return { pixels: ink, share: ink / colours.length, strokes: ink === 0 ? 0 : inStrokes / ink };
}

function colourAt(rgb: Uint8Array, pixel: number): number {
  const [red = 0, green = 0, blue = 0] = rgb.subarray(pixel * 3, pixel * 3 + 3);
  return (red << 16) | (green << 8) | blue;
}

function mostFrequent(colours: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  let best = 0;
  for (const [colour, count] of counts) if (count > (counts.get(best) ?? 0)) best = colour;
  return best;
}
