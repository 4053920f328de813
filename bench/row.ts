/** One line of the bench table. */
export interface BenchRow {
  /** What was measured, with its size: `console path, 20 MB of text`. */
  readonly what: string;
  readonly value: number;
  /** `MB per CPU s`, `CPU s`, `ratio`. */
  readonly unit: string;
  /** The same work done by something else in the same run. */
  readonly compared?: { readonly with: string; readonly value: number };
  readonly goal?: { readonly text: string; readonly met: boolean };
}
