import type { AddTest } from '../../rig/mod.js';
import { type Board, RigError, type TestContext } from '../../rig/mod.js';
import { consolesCommand, consoleUsers } from '../facts/consoles.js';
import { processesCommand } from '../facts/processes.js';
import { ask } from '../facts/sections.js';
import { textAfterKernel } from './serial-text.js';

/** How long a getty may take to answer a press of the return key. */
const answerMs = 3_000;
const wrongPasswords = ['', 'root', 'resin', 'admin'];

export function accessTests(test: AddTest): void {
  test('dev: the serial line gives a shell', {
    variant: 'dev',
    tier: 'smoke',
    needs: ['console'],
  }, async (t: TestContext) => {
    if (!t.board.profile.consoleLogin.dev) t.skip('the profile has no login on the serial line in dev');
    const product = await t.step('Calculate in a shell on the serial line', () =>
      t.board.consoleShell.text('echo $((6 * 7))'),
    );
    t.equal(product, '42', 'the shell answers');
    const users = await t.step('Ask over the other way who sits at the console', () => usersOf(t));
    t.ok(users.length > 0, 'a process has the console as its terminal');
  });

  test('dev: root logs in over ssh without a key or password', {
    variant: 'dev',
    tier: 'smoke',
    needs: ['address'],
  }, async (t: TestContext) => {
    if (!t.board.profile.passwordlessRoot.dev) t.skip('the profile wants a key in dev too');
    t.ok(await t.step('Offer no credential', () => t.board.sshAccepts({ method: 'none' })), 'root is let in');
  });

  test('prod: no login on the serial line', {
    variant: 'prod',
    needs: ['console', 'address'],
  }, async (t: TestContext) => {
    if (t.board.profile.consoleLogin.prod) t.skip('the profile has a login on the serial line in prod too');
    const users = await t.step('Ask over ssh who sits at the console', () => usersOf(t));
    t.same(users, [], 'no process has the console as its terminal');
    await t.step('Press return and watch the line', async () => {
      const patterns = loginPatterns(t.board);
      t.require(patterns.length > 0, 'the board type tells what a login and a prompt look like');
      const since = t.board.console.mark();
      await t.board.console.send('\r');
      const answer = await answered(t, patterns, since);
      t.equal(answer, undefined, 'neither a login nor a prompt comes');
    });
  });

  test('prod: ssh takes the key and nothing else', {
    variant: 'prod',
    needs: ['address'],
  }, async (t: TestContext) => {
    if (t.board.profile.passwordlessRoot.prod) t.skip('the profile lets root in without a key in prod too');
    t.ok(await t.step('Offer the key', () => t.board.sshAccepts({ method: 'key' })), 'the key is accepted');
    t.notOk(
      await t.step('Offer no credential', () => t.board.sshAccepts({ method: 'none' })),
      'no credential is refused',
    );
    await t.step('Offer passwords', async () => {
      for (const password of wrongPasswords) {
        const accepted = await t.board.sshAccepts({ method: 'password', password });
        t.notOk(accepted, `the password ${JSON.stringify(password)} is refused`);
      }
    });
  });

  test('prod: the serial line is silent after the kernel', {
    from: 'off',
    variant: 'prod',
    needs: ['console'],
    deadlineMs: 120_000,
  }, async (t: TestContext) => {
    if (t.board.profile.consoleLogin.prod) t.skip('the profile has a login on the serial line in prod too');
    const { kernel } = t.board.type.signatures;
    if (!kernel) t.skip('the board type has no signature of the kernel');
    await t.step('Boot', () => t.board.boot());
    const lines = textAfterKernel(t.board.console.text(), kernel);
    t.require(lines, 'the kernel was seen to start in this boot');
    t.same(lines, [], 'nothing but the kernel wrote to the line');
  });
}

async function usersOf(t: TestContext): Promise<readonly string[]> {
  const answer = await ask(t.board.shell, { consoles: consolesCommand, processes: processesCommand });
  return consoleUsers(answer.consoles.text, answer.processes.text).map(
    ({ command, pid, console }) => `${command} (${pid}) on ${console}`,
  );
}

function loginPatterns({ type }: Board): (string | RegExp)[] {
  return [type.signatures.login, type.signatures.prompt]
    .filter((signature) => signature !== undefined)
    .map((signature) => ('literal' in signature ? signature.literal : new RegExp(signature.regexp)));
}

/** What came, or undefined when the time passed without an answer, which is what a closed line does. */
async function answered(
  t: TestContext,
  patterns: readonly (string | RegExp)[],
  since: ReturnType<Board['console']['mark']>,
): Promise<string | undefined> {
  try {
    return (await t.board.console.expect(patterns, { since, timeoutMs: answerMs })).text;
  } catch (error) {
    if (error instanceof RigError && error.code === 'console.timeout') return undefined;
    throw error;
  }
}
