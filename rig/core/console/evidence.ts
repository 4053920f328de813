import type { PowerState } from '../../contracts/capabilities.js';
import { type Blame, type Json, RigError } from '../../contracts/errors.js';

/** What the rig knows of its own side when a wait is over. */
export interface ConsoleEvidence {
  readonly power: PowerState;
  /** The line is open and has not been lost. */
  readonly lineOpen: boolean;
  /** The line itself is known to work whatever the board does (a virtual one). */
  readonly lineProven: boolean;
}

/** What the console saw. */
export interface ConsoleFacts {
  readonly bytesInEpoch: number;
  readonly bytesEver: number;
  /** Milliseconds since the last byte, or since the epoch began. */
  readonly silentMs: number;
  /** How much later than due the time-out was noticed: this process was starved. */
  readonly lateMs: number;
}

/** Later than this the rig was too busy to be a witness. */
const tolerableLateMs = 2_000;

/**
 * Blames the board only when the rig's side is proven sound: power on (or bytes in this epoch, which only a powered board sends), line open and seen
 * working, this process on time.
 */
export function judge(evidence: ConsoleEvidence, facts: ConsoleFacts): { blame: Blame; hint: string } {
  if (!evidence.lineOpen) return { blame: 'rig', hint: 'The console line is not open.' };
  if (evidence.power === 'off') return { blame: 'rig', hint: 'The board is powered off.' };
  if (facts.lateMs > tolerableLateMs)
    return { blame: 'rig', hint: 'This machine was too busy to read the console in time: use fewer jobs.' };
  const lineWorks = evidence.lineProven || facts.bytesEver > 0;
  if (!lineWorks)
    return { blame: 'rig', hint: 'No byte has ever come over this line: check its wires, device and speed.' };
  if (evidence.power === 'unknown' && facts.bytesInEpoch === 0)
    return { blame: 'rig', hint: 'Nothing shows that the board has power: check the power switch.' };
  if (facts.bytesInEpoch === 0)
    return { blame: 'board', hint: 'The board has power but printed nothing: look at its boot medium.' };
  return { blame: 'board', hint: 'Read the last lines of the console for what the board did instead.' };
}

export interface TimeoutReport {
  /** `Cannot match "login:" on the console of virt-arm64`. */
  readonly action: string;
  readonly code: `${string}.${string}`;
  readonly timeoutMs: number;
  readonly evidence: ConsoleEvidence;
  readonly facts: ConsoleFacts;
  /** The console's last lines, fit to print. */
  readonly tail: string;
}

/** The error of a wait that nothing ended. */
export function timeoutError({ action, code, timeoutMs, evidence, facts, tail }: TimeoutReport): RigError {
  const { blame, hint } = judge(evidence, facts);
  const shown =
    tail === '' ? 'It printed nothing since it was last powered on or reset.' : `Its last lines:\n${tail}`;
  const data: Record<string, Json> = { ...evidence, ...facts };
  return new RigError(`${action} within ${Math.round(timeoutMs)} ms.\n${shown}`, {
    code,
    blame,
    hint,
    evidence: data,
  });
}

const evidenceMs = 2_000;

/** Asks the rig for evidence; no answer in time is an answer too, which keeps the blame off the board. */
export async function gather(
  ask: () => Promise<ConsoleEvidence> | ConsoleEvidence,
): Promise<ConsoleEvidence> {
  const none: ConsoleEvidence = { power: 'unknown', lineOpen: false, lineProven: false };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<ConsoleEvidence>((resolve) => {
    timer = setTimeout(() => resolve(none), evidenceMs);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch {
    return none;
  } finally {
    clearTimeout(timer);
  }
}
