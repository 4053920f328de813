import { unreadable } from './unreadable.js';

export interface ProcessFacts {
  readonly pid: number;
  /** Name of its program, at most 15 characters. */
  readonly command: string;
  /** Device number of its controlling terminal, as in `Mount.device`; `0:0` without one. */
  readonly terminal: string;
}

/** A process may end between the glob and the reading; its line is then not there. */
export const processesCommand = 'cat /proc/[0-9]*/stat 2>/dev/null; true';

/**
 * /proc/PID/stat by proc(5), one process a line. `tty_nr` holds the minor number in bits 31 to 20 and 7 to 0, the major
 * between them (Linux, include/linux/kdev_t.h, `new_encode_dev`).
 *
 * @throws RigError `facts.unreadable`
 */
export function parseProcesses(text: string): readonly ProcessFacts[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw unreadable('the processes', text, 'there is none');
  return lines.map((line) => {
    const [, pid, command = '', rest = ''] = /^(\d+) \((.*)\) (.*)$/s.exec(line) ?? [];
    const tty = Number(rest.split(' ')[4]);
    if (pid === undefined || !Number.isInteger(tty))
      throw unreadable('the processes', line, 'it is no line of stat');
    const major = (tty >> 8) & 0xfff;
    const minor = (tty & 0xff) | ((tty >>> 12) & 0xfff00);
    return { pid: Number(pid), command, terminal: `${major}:${minor}` };
  });
}
