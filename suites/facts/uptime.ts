import { unreadable } from './unreadable.js';

/** Milliseconds since the kernel started, from /proc/uptime (proc(5)). @throws RigError `facts.unreadable` */
export function parseUptime(text: string): number {
  const [, seconds] = /^(\d+\.\d+) \d+\.\d+\s*$/.exec(text) ?? [];
  if (seconds === undefined) throw unreadable('the uptime', text, 'it is not two numbers');
  return Math.round(Number(seconds) * 1000);
}
