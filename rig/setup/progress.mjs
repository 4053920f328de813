/**
 * Progress for people: in a terminal one line that is rewritten, elsewhere a plain line for each step. A step that
 * found nothing to do prints nothing.
 */
export function openProgress(stream = process.stderr) {
  const redraw = stream.isTTY === true;
  const width = () => Math.max(20, (stream.columns ?? 80) - 1);
  let drawn = false;
  let told = 0;
  const clear = () => {
    if (drawn) stream.write('\r\x1b[K');
    drawn = false;
  };
  return {
    /** A step begins or has news worth a line of its own. */
    say(text) {
      clear();
      told += 1;
      stream.write(`setup: ${text}\n`);
    },
    /** What a long step is doing at the moment; shown in a terminal only. */
    detail(text) {
      if (!redraw) return;
      clear();
      stream.write(`  ${text}`.slice(0, width()));
      drawn = true;
    },
    clear,
    /** How many lines were said. */
    get told() {
      return told;
    },
  };
}
