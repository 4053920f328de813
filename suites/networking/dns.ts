import { Resolver } from 'node:dns/promises';
import type { TestContext } from '../../rig/mod.js';
import { unreadable } from '../facts/unreadable.js';

/** RFC 6761, 6.4: every server may answer for `invalid` by itself, so this needs a name server and no Internet. */
const unknownName = ({ random }: TestContext) => `boardrig-${random.uuid()}.invalid`;

const hostTimeoutMs = 3_000;

/** Asks with the board's own resolver; "there is no such name" is an answer, silence is none. */
export async function askNameServer(
  t: TestContext,
): Promise<{ readonly wasAnswered: boolean; readonly said: string }> {
  const name = unknownName(t);
  const { stdout, stderr } = await t.board.shell.run(
    `if command -v nslookup >/dev/null 2>&1; then nslookup ${name}; else resolvectl query ${name}; fi`,
  );
  return { wasAnswered: isNameServerAnswer(`${stdout}\n${stderr}`), said: lastLine(`${stdout}\n${stderr}`) };
}

/**
 * Whether nslookup (busybox, BIND) or resolvectl tells that a server answered.
 *
 * @throws RigError `facts.unreadable` when the text is of neither kind
 */
export function isNameServerAnswer(text: string): boolean {
  if (
    /^nslookup: (bind|connect|socket|send|write|recv)\b|timed out|no servers could be reached|connection refused|no response|bad address|not reachable/im.test(
      text,
    )
  )
    return false;
  if (/NXDOMAIN|SERVFAIL|REFUSED|can't find|' not found|^Name:\s/m.test(text)) return true;
  throw unreadable('the answer of a name server', text.trim(), 'it tells neither an answer nor a time-out');
}

/** Whether a name server answers the host that the suite runs on. */
export function hostNameServerAnswers(t: TestContext): Promise<boolean> {
  const name = unknownName(t);
  return t.host.observe('whether a name server answers this host', async () => {
    const resolver = new Resolver({ timeout: hostTimeoutMs, tries: 1 });
    try {
      await resolver.resolve4(name);
      return true;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'ESERVFAIL' || code === 'EREFUSED';
    }
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
