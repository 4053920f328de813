import { randomBytes } from 'node:crypto';
import type { SessionConsole } from '../../rig/contracts/session.js';

/** Types `echo` at a guest's prompt; over when the guest has printed the word, and its next prompt too with `prompt`. */
export async function echoed(line: SessionConsole, { prompt = false } = {}): Promise<void> {
  const word = randomBytes(6).toString('hex');
  let text = '';
  let done = (): void => undefined;
  let fail = (_error: Error): void => undefined;
  const seen = new Promise<void>((resolve, reject) => {
    done = resolve;
    fail = reject;
  });
  using _reader = line.subscribe({
    data: (chunk) => {
      text += Buffer.from(chunk).toString('latin1');
      // What is echoed of the typed line has quotes in it.
      const at = text.indexOf(`<${word}`);
      if (at >= 0 && (!prompt || text.includes('# ', at))) done();
    },
    lost: (error) => fail(error),
  });
  await Promise.all([line.write(Buffer.from(`echo "<"${word}\n`)), seen]);
}
