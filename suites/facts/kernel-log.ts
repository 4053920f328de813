import { unreadable } from './unreadable.js';

export interface KernelMessage {
  /** 0 emergency to 7 debug (Linux, include/linux/kern_levels.h). */
  readonly level: number;
  readonly text: string;
}

/** Warnings and what is worse. */
export const warningLevel = 4;

/** Both busybox and util-linux print the record's own prefix with `-r`. */
export const kernelLogCommand = 'dmesg -r';

/**
 * The lines of `dmesg -r`: `<6>[    0.000000] text`. Facility bits are dropped (syslog(2)).
 *
 * @throws RigError `facts.unreadable`
 */
export function parseKernelLog(text: string): readonly KernelMessage[] {
  const messages = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, prefix, rest = ''] = /^<(\d{1,4})>(?:\[ *\d+\.\d+\](?:\[[^\]]*\])? ?)?(.*)$/.exec(line) ?? [];
      if (prefix === undefined) throw unreadable('the kernel log', line, 'a line has no level');
      return { level: Number(prefix) & 7, text: rest };
    });
  if (messages.length === 0) throw unreadable('the kernel log', text, 'it is empty');
  return messages;
}
