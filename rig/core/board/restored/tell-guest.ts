import { randomBytes } from 'node:crypto';
import type { Architecture } from '../../../contracts/board.js';
import { RigError } from '../../../contracts/errors.js';
import type { UntoldFact } from '../../../contracts/snapshot.js';
import type { ShellResult } from '../../../contracts/suite.js';
import { reseedProgram } from './reseed-program.js';

const seedBytes = 32;
/** The guest is told whole seconds. */
const clockToleranceMs = 2_000;
/** It is told again, by the connection that stands then, when it was told late. */
const maxTellings = 3;
const shown = '(the time of now, and a fresh seed)';
/** Exit codes of the parts of the command. */
const failed = { clock: 90, entropy: 91 } as const;

export interface Guest {
  readonly name: string;
  readonly arch: Architecture;
  /** Runs a command of the rig's own as root; `shown` is what the record says of it. */
  chore(command: string, shown: string): Promise<ShellResult>;
}

/**
 * Tells a restored guest what it cannot know: the time of now, and fresh randomness.
 *
 * @throws RigError `snapshot.clock-not-set`, `snapshot.entropy-not-fresh` (blame: rig); what `chore` throws
 */
export async function tellGuest(guest: Guest, untold: readonly UntoldFact[]): Promise<void> {
  const setsClock = untold.includes('clock');
  let entropy = untold.includes('entropy') ? [freshEntropy(guest.arch)] : [];
  for (let telling = 1; setsClock || entropy.length > 0; telling += 1) {
    const parts = [...(setsClock ? [setClock()] : []), ...entropy];
    const began = Date.now();
    const answer = await guest.chore(`${parts.join('; ')}; date -u +%s`, shown);
    const ended = Date.now();
    if (answer.exitCode === failed.entropy) throw notFresh(guest.name, answer);
    const guestMs = Number(/(\d+)\s*$/.exec(answer.stdout)?.[1] ?? Number.NaN) * 1000;
    const isRight = guestMs >= began - clockToleranceMs && guestMs <= ended + clockToleranceMs;
    if (answer.exitCode !== 0 || (setsClock && !isRight)) throw clockNotSet(guest.name, { answer, guestMs });
    // What the connection took to come, the guest's clock is behind.
    if (!setsClock || ended - guestMs <= clockToleranceMs || telling === maxTellings) return;
    entropy = [];
  }
}

function setClock(): string {
  const seconds = Math.round(Date.now() / 1000);
  return `date -u -s @${seconds} >/dev/null || exit ${failed.clock}`;
}

/** The first of the folders in memory from which programs may be run is taken; nothing is left in it. */
function freshEntropy(arch: Architecture): string {
  const program = printfFormat(reseedProgram(arch, randomBytes(seedBytes)));
  return (
    `_e=1; for _f in /run /dev/shm /tmp; do _f=$_f/.boardrig-reseed; ` +
    `if printf '${program}' >$_f && chmod 700 $_f && $_f; then _e=0; fi; rm -f $_f; [ $_e = 1 ] || break; done 2>/dev/null; ` +
    `[ $_e = 0 ] || exit ${failed.entropy}`
  );
}

/** Bytes as the format of printf(1), in single quotes; an octal escape is as short as what follows it allows. */
function printfFormat(bytes: Buffer): string {
  return [...bytes]
    .map((byte, index) => {
      const char = String.fromCharCode(byte);
      if (/[A-Za-z0-9 /_.,:;<>=+-]/.test(char)) return char;
      const next = bytes[index + 1] ?? 0;
      const beforeDigit = next >= 0x30 && next <= 0x39;
      return `\\${byte.toString(8).padStart(beforeDigit ? 3 : 1, '0')}`;
    })
    .join('');
}

const coldHint = 'Run with --cold, which restores nothing; the image needs date, printf and chmod as root.';

function clockNotSet(name: string, { answer, guestMs }: { answer: ShellResult; guestMs: number }): RigError {
  const said = answer.stdout.trim().slice(-200);
  return new RigError(`Cannot set the clock of the restored ${name}`, {
    code: 'snapshot.clock-not-set',
    blame: 'rig',
    hint: coldHint,
    evidence: {
      exitCode: answer.exitCode,
      said,
      ...(Number.isFinite(guestMs) ? { guest: new Date(guestMs).toISOString() } : {}),
    },
  });
}

function notFresh(name: string, answer: ShellResult): RigError {
  return new RigError(`Cannot give the restored ${name} fresh random numbers`, {
    code: 'snapshot.entropy-not-fresh',
    blame: 'rig',
    hint: coldHint,
    evidence: { said: answer.stdout.trim().slice(-200) },
  });
}
