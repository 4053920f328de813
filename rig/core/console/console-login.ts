import type { BoardType } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import { patternOf } from '../../pattern/signature.js';
import type { ConsoleEngine } from './engine.js';

const passwordPrompt = /[Pp]assword: ?$/;
const refused = /[Ll]ogin incorrect|Permission denied|Authentication failure/;
const answerMs = 30_000;
/** A console that was attached to while it rested is asked to show its prompt this often. */
const askEveryMs = 2_000;

/** What a board type says of the shell on its console. */
export type ConsoleAccess = Pick<BoardType, 'name' | 'signatures' | 'login'>;

export interface LoginOptions {
  readonly signal: AbortSignal;
  /** Milliseconds left, unscaled; asked anew for each wait. */
  readonly leftMs: () => number;
}

/**
 * Waits until the console shows a prompt, logging in where it asks for a user. Types nothing before the board has shown a login or
 * command prompt in this epoch, since a key stops a bootloader; only a console that the rig found running, or brought back so, is
 * asked with an empty line.
 *
 * @throws RigError `shell.no-console-shell`, `shell.login-refused`, or those of `ConsoleEngine.expect`
 */
export async function logIn(
  engine: ConsoleEngine,
  { access, options }: { access: ConsoleAccess; options: LoginOptions },
): Promise<void> {
  const { prompt, login } = access.signatures;
  if (!prompt) throw noShell(access.name);
  const patterns = [patternOf(prompt), ...(login ? [patternOf(login)] : [])];
  if (!engine.seen.has('prompt') && !engine.seen.has('login')) await firstPrompt(engine, patterns, options);
  if (login && (atLogin(engine, login) || !engine.seen.has('prompt')))
    await answerLogin(engine, { access, patterns, options });
}

/** Whether the console rests at its login prompt. */
export function atLogin(engine: ConsoleEngine, login: BoardType['signatures']['login']): boolean {
  if (!login) return false;
  const pattern = patternOf(login);
  const line = engine.lastLine();
  return typeof pattern === 'string' ? line.trimEnd().endsWith(pattern.trimEnd()) : pattern.test(line);
}

export async function answerLogin(
  engine: ConsoleEngine,
  {
    access,
    patterns,
    options,
  }: { access: ConsoleAccess; patterns: readonly (string | RegExp)[]; options: LoginOptions },
): Promise<void> {
  const { user, password } = access.login ?? {};
  if (user === undefined) throw loginRefused(access.name, 'its board type names no user');
  const limits = { signal: options.signal, timeoutMs: Math.min(answerMs, options.leftMs()) };
  const atUser = engine.mark();
  await engine.type(`${user}\n`, { signal: options.signal });
  const asked = await engine.expect([...patterns, passwordPrompt, refused], { ...limits, since: atUser });
  if (asked.index === 0) return;
  if (asked.index < patterns.length || asked.index === patterns.length + 1)
    throw loginRefused(access.name, `user ${JSON.stringify(user)} was not let in`);
  if (password === undefined)
    throw loginRefused(access.name, 'it asks for a password that the board type lacks');
  const atPassword = engine.mark();
  await engine.type(`${password}\n`, { signal: options.signal, shown: `${'*'.repeat(password.length)}\n` });
  const answer = await engine.expect([...patterns, refused], { ...limits, since: atPassword });
  if (answer.index !== 0)
    throw loginRefused(access.name, `user ${JSON.stringify(user)} with the given password was not let in`);
}

async function firstPrompt(
  engine: ConsoleEngine,
  patterns: readonly (string | RegExp)[],
  { signal, leftMs }: LoginOptions,
): Promise<void> {
  for (;;) {
    const found = engine.foundRunning;
    if (found) await engine.type('\n', { signal });
    const timeoutMs = found ? Math.min(askEveryMs, leftMs()) : leftMs();
    try {
      await engine.expect(patterns, { since: engine.epochMark(), timeoutMs, signal });
      return;
    } catch (error) {
      const again = found && error instanceof RigError && error.code === 'console.timeout' && leftMs() > 1;
      if (!again) throw error;
    }
  }
}

function noShell(board: string): RigError {
  return new RigError(`There is no shell on the console of ${board}: its board type names no prompt`, {
    code: 'shell.no-console-shell',
    blame: 'suite',
    hint: 'Use ssh, or add signatures.prompt to the board type.',
  });
}

function loginRefused(board: string, why: string): RigError {
  return new RigError(`Cannot log in on the console of ${board}: ${why}`, {
    code: 'shell.login-refused',
    blame: 'config',
    hint: 'Check login.user and login.password of the board type against the image.',
  });
}
