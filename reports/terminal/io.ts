import type { RigEvent } from '../../rig/contracts/events.js';

/** What the reporter may touch: a command's own output, or a test's. */
export interface TerminalIo {
  readonly out: (text: string) => void;
  /** Somebody looks at it, and it understands cursor movements. */
  readonly terminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where events come from and files lie: the run's recorder. */
export interface RunSource {
  readonly dir: string;
  on(listener: (event: RigEvent) => void): Disposable;
  consolePath(board: string): string;
}

/** Escape sequences at all: in a terminal that can, unless the person wants none (https://no-color.org). */
export function mayUseEscapes({ terminal, env }: TerminalIo): boolean {
  return terminal && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}
