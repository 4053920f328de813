/**
 * A kernel message as printk puts it on a serial console: stamp, text, line end, in one go, wherever the terminal's
 * own output stands at that moment (Documentation/core-api/printk-basics.rst; the stamp is CONFIG_PRINTK_TIME's, the second
 * bracket CONFIG_PRINTK_CALLER's).
 */
const message = /\[ *(\d+\.\d{6})\](?:\[ *[TC]\d+\])? [^\n]*\n/g;

/** printk's clock and /proc/uptime start a little apart, and drift. */
const clockSlackSeconds = 1;

/** What tells a message that the kernel printed now from one that a command like `dmesg` printed. */
export interface LiveFrom {
  /** /proc/uptime when the command began. */
  readonly uptimeSeconds: number | undefined;
  /** Stamp of the last kernel message seen before. */
  readonly lastStampSeconds: number | undefined;
}

/**
 * Takes out the messages that the kernel printed into `text` meanwhile: those whose stamp is later than the last one seen and than
 * the command's beginning. A message that stands there twice was also printed by the command: one stays.
 */
export function withoutKernelMessages(text: string, { uptimeSeconds, lastStampSeconds }: LiveFrom): string {
  if (uptimeSeconds === undefined && lastStampSeconds === undefined) return text;
  const taken = new Set<string>();
  return text.replace(message, (line: string, stamp: string) => {
    const seconds = Number(stamp);
    const live =
      seconds > (lastStampSeconds ?? Number.NEGATIVE_INFINITY) &&
      seconds >= (uptimeSeconds ?? 0) - clockSlackSeconds;
    const key = line.trimEnd();
    if (!live || taken.has(key)) return line;
    taken.add(key);
    return '';
  });
}

export function holdsMessages(text: string): boolean {
  return /\[ *\d+\.\d{6}\]/.test(text);
}

/** Every message, live or not: for finding a marker that one of them may have split. */
export function withoutAnyMessages(text: string): string {
  return text.replace(message, '');
}

/** Stamp of the last kernel message in `text`. */
export function lastStamp(text: string): number | undefined {
  const stamps = text.match(/\[ *\d+\.\d{6}\]/g);
  const last = stamps?.at(-1);
  return last === undefined ? undefined : Number(last.slice(1, -1));
}
