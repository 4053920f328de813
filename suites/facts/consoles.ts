import { parseProcesses } from './processes.js';
import { unreadable } from './unreadable.js';

/** Who sits at a serial console: process and the console's name. */
export interface ConsoleUser {
  readonly pid: number;
  readonly command: string;
  readonly console: string;
}

export const consolesCommand = 'cat /proc/consoles';

/**
 * Processes whose controlling terminal is one of the kernel's consoles: a getty, a login or a shell.
 *
 * @param consoles /proc/consoles (Linux, fs/proc/consoles.c)
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
  return parseProcesses(processes).flatMap(({ pid, command, terminal }) => {
    const console = names.get(terminal);
    return console === undefined ? [] : [{ pid, command, console }];
  });
}
