import type { SessionConsole } from '../contracts/session.js';
import type { SessionEnd } from '../core/session/client.js';

/** After the end of the input the console may go on for so long without a word; then we leave. */
const quietMs = 1_000;

/**
 * Standard input to the board, the console to standard output. Ends when the input has ended and the console was
 * quiet for a second, so that the answer to the last line is seen; or with the session.
 *
 * @throws RigError what ended the session, or refused the input; the signal's reason
 */
export async function pipedConsole(
  line: SessionConsole,
  { signal, ended }: { signal: AbortSignal; ended: Promise<SessionEnd> },
): Promise<void> {
  let ending = false;
  let timer: NodeJS.Timeout | undefined;
  const over = new AbortController();
  const quiet = (): void => {
    clearTimeout(timer);
    if (ending) timer = setTimeout(() => over.abort(), quietMs);
  };
  const finished = new Promise<void>((resolve, reject) => {
    over.signal.addEventListener('abort', () => resolve(), { once: true });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    // Whoever read our output has left (`| head`): there is nobody to write for.
    process.stdout.once('error', () => resolve());
    void ended.then(({ orderly, error }) => (orderly ? resolve() : reject(error)));
  });
  using _subscription = line.subscribe({
    data: (chunk) => {
      process.stdout.write(Uint8Array.from(chunk));
      quiet();
    },
    gap: (missed) =>
      void process.stderr.write(`[rig] ${missed} bytes were left out: the reader was too slow\n`),
    lost: (error) => void process.stderr.write(`[rig] ${error.message}\n`),
  });
  const typed = (async (): Promise<void> => {
    for await (const chunk of process.stdin) await line.write(chunk as Buffer, { signal });
    ending = true;
    quiet();
  })();
  try {
    await Promise.race([finished, typed.then(() => finished)]);
  } finally {
    clearTimeout(timer);
    process.stdin.destroy();
    await typed.catch(() => {
      // Told by the race already, or cut off by our leaving.
    });
  }
}
