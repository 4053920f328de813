/**
 * Everything that the board logged in this boot: the kernel's log, and the system's where it has one. What a system lacks
 * says nothing; that something is missing shows in what is looked for.
 */
export const logsCommand = `dmesg
if command -v journalctl >/dev/null 2>&1; then journalctl -b -q --no-pager -o short; else logread; fi`;

/** Writes one line to the system's log, as the program `rig`. The text must need no quoting. */
export function logCommand(text: string): string {
  return `logger -t rig ${text}`;
}
