import { writeFile } from 'node:fs/promises';
import { firstLine, messageOf } from '../../contracts/errors.js';
import type { EventBody, TestPlace } from '../../contracts/events.js';
import type { ManagedBoard } from './managed-board.js';
import { readLogs } from './medium-logs.js';

/** What an engineer would ask a board that failed, in the order of use; each is one command and may not exist there. */
const questions: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'dmesg', command: 'dmesg' },
  {
    name: 'journal',
    command:
      'command -v journalctl >/dev/null && journalctl -b --no-pager -n 500 || logread || cat /var/log/messages',
  },
  {
    name: 'failed-units',
    command: 'command -v systemctl >/dev/null && systemctl --failed --no-pager --full',
  },
  { name: 'pstore', command: 'for f in /sys/fs/pstore/*; do [ -f "$f" ] && echo "== $f" && cat "$f"; done' },
  { name: 'network', command: 'ip addr; ip route; cat /etc/resolv.conf' },
  { name: 'mounts', command: 'cat /proc/mounts; df' },
  { name: 'processes', command: 'ps' },
];

/** The copy of a medium. */
export const mediumName = 'medium.img';

const maxConsoleBytes = 1024 * 1024;
const maxAnswerBytes = 1024 * 1024;
const questionMs = 10_000;

/** Where a piece of evidence of a test goes, absolute and relative to the run folder. */
export type EvidenceFile = (place: TestPlace, name: string) => Promise<{ path: string; relative: string }>;

export interface EvidenceOptions {
  readonly place: TestPlace;
  readonly emit: (event: EventBody) => void;
  /** Where the file of a piece of evidence goes, absolute and relative to the run folder. */
  readonly file: (name: string) => Promise<{ path: string; relative: string }>;
  readonly mask: (text: string) => string;
  /** Also copy the medium. */
  readonly keepMedium: boolean;
  /** When the run is to end, what has not been gathered yet is let go. */
  readonly signal: AbortSignal;
}

/**
 * Gathers what an engineer would ask for after a failure: the console since the last reset; from the running board
 * its logs, or from the medium when it is dead. Never rejects: evidence that cannot be had is said in a log event.
 */
export async function gatherEvidence(board: ManagedBoard, options: EvidenceOptions): Promise<void> {
  const { place, emit, signal } = options;
  const keep = async (name: string, content: string | Uint8Array): Promise<void> => {
    const { path, relative } = await options.file(name);
    await writeFile(path, typeof content === 'string' ? options.mask(content) : content);
    emit({ type: 'evidence', ...place, name, file: relative });
  };
  const attempt = async (what: string, body: () => Promise<void>): Promise<boolean> => {
    try {
      await body();
      return true;
    } catch (error) {
      const message = firstLine(messageOf(error));
      emit({
        type: 'log',
        level: 'warning',
        board: place.board,
        message: `No evidence "${what}": ${message}`,
      });
      return false;
    }
  };

  await attempt('console', async () => {
    const text = board.consoleTail(maxConsoleBytes);
    if (text !== '') await keep('console.txt', text);
  });
  // A board that is off shows nothing, which is no news.
  if (board.has('capture') && (await isOn(board)))
    await attempt('screen', async () => {
      // Not by the board's own signal: it ends with a panic, whose picture is wanted most.
      const within = AbortSignal.any([signal, AbortSignal.timeout(questionMs)]);
      await keep('screen.png', (await board.screen.picture({ signal: within })).png);
    });
  if (await board.answers()) {
    for (const { name, command } of questions) {
      const asked = await attempt(name, async () => {
        const { stdout } = await board.shell.run(`{ ${command}; } 2>/dev/null | tail -c ${maxAnswerBytes}`, {
          timeoutMs: questionMs,
        });
        if (stdout.trim() !== '') await keep(`${name}.txt`, stdout);
      });
      // A shell that stopped answering will not answer the next question either.
      if (!asked) break;
    }
  } else if (board.has('storage') && !signal.aborted) {
    await attempt('medium logs', async () => {
      if (board.has('power')) await board.power.off();
      for (const { name, text } of await readLogs(board)) await keep(name, text);
    });
  }
  if (options.keepMedium && board.has('storage') && !signal.aborted) {
    await attempt('medium', async () => {
      if (board.has('power')) await board.power.off();
      const { path, relative } = await options.file(mediumName);
      await board.keepMedium(path);
      emit({ type: 'evidence', ...place, name: mediumName, file: relative });
    });
  }
}

async function isOn(board: ManagedBoard): Promise<boolean> {
  if (!board.has('power')) return true;
  return board.power.state().then(
    (state) => state === 'on',
    () => false,
  );
}
