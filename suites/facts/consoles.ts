import { unreadable } from './unreadable.js';

/** Who sits at a serial console: process and the console's name. */
export interface ConsoleUser {
  readonly pid: number;
  readonly command: string;
  readonly console: string;
}

export const consolesCommand = 'cat /proc/consoles';
/** A process may end between the glob and the reading; its line is then not there. */
export const processesCommand = 'cat /proc/[0-9]*/stat 2>/dev/null; true';

/**
 * Processes whose controlling terminal is one of the kernel's consoles: a getty, a login or a shell. Fields of
 * /proc/PID/stat by proc(5): tty_nr holds the minor number in bits 31 to 20 and 7 to 0, the major in 15 to 8.
 *
 * @throws RigError `facts.unreadable`
 */
export function consoleUsers(consoles: string, processes: string): readonly ConsoleUser[] {
  const names = new Map<string, string>();
  for (const line of consoles.split('\n').filter((text) => text.trim() !== '')) {
    const [, name, device] = /^(\S+) .*?(\d+:\d+)\s*$/.exec(line) ?? [];
    // A console without a terminal (netconsole) has no device number.
    if (name !== undefined && device !== undefined) names.set(device, name);
    else if (!/^\S+\s+\S+\s+\(/.test(line)) throw unreadable('the consoles', line, 'the line has no flags');
  }
  const lines = processes.split('\n').filter((text) => text.trim() !== '');
  if (lines.length === 0) throw unreadable('the processes', processes, 'there is none');
  return lines.flatMap((line) => {
    const [, pid, command = '', rest = ''] = /^(\d+) \((.*)\) (.*)$/s.exec(line) ?? [];
    const tty = Number(rest.split(' ')[4]);
    if (pid === undefined || !Number.isInteger(tty))
      throw unreadable('the processes', line, 'it is no stat line');
    const major = (tty >> 8) & 0xfff;
    const minor = (tty & 0xff) | ((tty >>> 12) & 0xfff00);
    const console = names.get(`${major}:${minor}`);
    return console === undefined ? [] : [{ pid: Number(pid), command, console }];
  });
}
