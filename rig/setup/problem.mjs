/** Why set-up cannot go on. Printed without a stack trace; the process exits 3 (the rig's surroundings). */
export class SetupProblem extends Error {
  /**
   * @param {string} message the action that failed
   * @param {{ next: readonly string[], details?: readonly string[] }} options `next`: lines that say what to do;
   *   `details`: what the failing program itself said last
   */
  constructor(message, { next, details = [] }) {
    super(message);
    this.next = next;
    this.details = details;
  }

  /** The lines a person reads. */
  get text() {
    return [
      `setup: ${this.message}`,
      ...this.details.map((line) => `  | ${line}`),
      ...this.next.map((line) => `  ${line}`),
      '',
    ].join('\n');
  }
}
