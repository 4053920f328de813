import { RigError } from '../../contracts/errors.js';
import type { Shell, ShellResult } from '../../contracts/suite.js';
import { quoted } from './template.js';

export interface DetachedOptions {
  /** On the board, empty or new: what is left of the command is put there. */
  readonly folder: string;
  readonly timeoutMs: number;
  readonly scale: number;
  /** Throws where nothing more is to be waited for. */
  readonly stillThere: () => Promise<void>;
}

/**
 * Runs `command` so that it goes on when the connection to it is lost, and waits for its end over as many connections as that takes. Both its
 * streams are one, in `stdout`.
 */
export async function runDetached(
  shell: Shell,
  command: string,
  { folder, timeoutMs, scale, stillThere }: DetachedOptions,
): Promise<ShellResult> {
  const end = performance.now() + timeoutMs * scale;
  const dir = quoted(folder);
  const inside = `( ${command}\n) >${dir}/said 2>&1; echo $? >${dir}/code.new; mv ${dir}/code.new ${dir}/code`;
  const start = `rm -rf ${dir}; mkdir -p ${dir} && { setsid sh -c ${quoted(inside)} </dev/null >/dev/null 2>&1 & }`;
  const wait = `until [ -e ${dir}/code ]; do sleep 0.2 2>/dev/null || sleep 1; done; cat ${dir}/said; exit "$(cat ${dir}/code)"`;
  for (let line = `${start} && ( ${wait} )`; ; line = `( ${wait} )`) {
    try {
      return await shell.run(line, { timeoutMs: Math.max(1, (end - performance.now()) / scale) });
    } catch (error) {
      const lost = error instanceof RigError && lostCodes.has(error.code);
      if (!lost || performance.now() >= end) throw error;
      await stillThere();
    }
  }
}

/** The connection is gone, and nobody knows of the command. */
const lostCodes: ReadonlySet<string> = new Set(['ssh.lost', 'ssh.no-answer', 'shell.no-answer']);
