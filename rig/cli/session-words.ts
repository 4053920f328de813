/** What can be done with a session now, a command a line. */
export function nextCommands(name: string): string {
  const next = [
    ['console', name, 'its serial console; Ctrl-] leaves'],
    ['ssh', name, 'a shell over ssh, once it has booted'],
    ['power', `${name} off`, 'or on, cycle, reset, shutdown, state'],
    ['logs', `${name} -f`, 'what its console says'],
    ['down', name, 'powers it off and ends the session'],
  ] as const;
  const width = Math.max(...next.map(([word, rest]) => word.length + rest.length)) + 1;
  return next
    .map(([word, rest, meaning]) => `  rig ${`${word} ${rest}`.padEnd(width)}   ${meaning}\n`)
    .join('');
}

export function idleWords(idleMs: number | null): string {
  return idleMs === null ? '' : `, ends when nobody used it for ${time(idleMs)}`;
}

function time(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
