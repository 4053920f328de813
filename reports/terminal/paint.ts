import type { Verdict } from '../../rig/contracts/verdict.js';

/** Gives text the colour of a verdict, or leaves it as it is. */
export type Paint = (verdict: Verdict, text: string) => string;

const colours: Readonly<Record<Verdict, number>> = {
  passed: 32,
  failed: 31,
  errored: 33,
  blocked: 35,
  skipped: 90,
  flaky: 33,
};

export function paintWith(escapes: boolean): Paint {
  return escapes ? (verdict, text) => `\x1b[${colours[verdict]}m${text}\x1b[0m` : (_verdict, text) => text;
}
