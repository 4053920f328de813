import type { RigError } from '../contracts/errors.js';
import type { Holder, SessionConsole } from '../contracts/session.js';
import type { AttachedSession } from '../core/session/attached.js';
import { describeHolder } from '../core/session/holder.js';

/** Ctrl-]: what telnet and virsh use to leave too. */
const leaveByte = 0x1d;

/**
 * The console on this terminal, raw: every key goes to the board, all but Ctrl-]. The terminal is put back however this
 * ends. Resolves when the person leaves or the session ends in good order.
 *
 * @throws RigError what ended the session otherwise; the signal's reason
 */
export async function interactiveConsole(
  session: AttachedSession,
  { line, note, signal }: { line: SessionConsole; note: string | undefined; signal: AbortSignal },
): Promise<void> {
  const { name } = session.board;
  const say = (text: string): void => void process.stderr.write(`\r\n[rig] ${text}\r\n`);
  const readOnly = (holder: Holder): void => say(`read-only: ${describeHolder(holder)} has exclusive use`);
  using _raw = rawTerminal();
  process.stderr.write(`[rig] console of ${name}; Ctrl-] leaves\r\n`);
  if (note) process.stderr.write(`[rig] ${note}\r\n`);
  if (session.leaseHolder) readOnly(session.leaseHolder);
  using _lease = session.onLease((holder) => (holder ? readOnly(holder) : say('you can type again')));
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown): void => settle(() => reject(error));
    const onAbort = (): void => fail(signal.reason);
    const subscription = line.subscribe(
      {
        data: (chunk) => void process.stdout.write(Uint8Array.from(chunk)),
        gap: (missed) => say(`${missed} bytes were left out: this terminal was too slow`),
        // The session's end is told below; another end of the line leaves the power to work with.
        lost: (error) => {
          if (error.code !== 'session.ended') say(error.message);
        },
      },
      { from: 'tail' },
    );
    const onKeys = (keys: Buffer): void => {
      const leave = keys.indexOf(leaveByte);
      const typed = leave < 0 ? keys : keys.subarray(0, leave);
      const sent =
        typed.length > 0 && !session.leaseHolder ? line.write(typed, { signal }) : Promise.resolve();
      sent.catch((error: RigError) => {
        if (error.code === 'session.busy') say(error.message);
        else fail(error);
      });
      if (leave >= 0) settle(() => void sent.finally(resolve).catch(() => {}));
    };
    const onEnd = (): void => settle(resolve);
    let settled = false;
    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      subscription[Symbol.dispose]();
      process.stdin.off('data', onKeys).off('end', onEnd).pause();
      signal.removeEventListener('abort', onAbort);
      act();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    process.stdin.on('data', onKeys).on('end', onEnd).resume();
    void session.ended.then(({ orderly, error }) => {
      if (!orderly) return fail(error);
      settle(() => {
        say(error.message);
        resolve();
      });
    });
  });
}

/** Raw mode until disposed, and at the latest until the process exits. */
function rawTerminal(): Disposable {
  const restore = (): void => {
    process.off('exit', restore);
    try {
      process.stdin.setRawMode(false);
    } catch {
      // The terminal itself is gone (SIGHUP): nothing is left to restore.
      return;
    }
    // What a board may have switched: colours, a hidden cursor, the alternate screen, mouse and paste reports.
    process.stdout.write('\x1b[0m\x1b[?25h\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?2004l\r\n');
  };
  process.once('exit', restore);
  process.stdin.setRawMode(true);
  return { [Symbol.dispose]: restore };
}
