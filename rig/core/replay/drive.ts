import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { realNowMs, realPause, type VirtualTime } from './virtual-time.js';

/** `real`: time passes as it did when the run was recorded; `fast`: whenever there is nothing to do but to wait, it jumps. */
export type Speed = 'real' | 'fast';

/** Files, name look-ups and connections that the process waits for: time stands still meanwhile. */
const underWay = /req|connectwrap$|^processwrap$/i;
/** A host program that never ends, or a promise that nothing will settle, must not stop the replay for ever. */
const patienceMs = 5_000;

/** Moves `time` on until `body` has settled. @throws what `body` throws; RigError `replay.stuck` */
export async function drive<T>(
  time: VirtualTime,
  body: Promise<T>,
  { speed, signal }: { readonly speed: Speed } & Cancellable,
): Promise<T> {
  const state = { over: false };
  const end = (): void => {
    state.over = true;
  };
  body.then(end, end);
  let idleSince: number | undefined;
  for (;;) {
    await quiet();
    if (state.over) return body;
    const due = time.nextDueMs;
    if (due === undefined) {
      idleSince ??= realNowMs();
      if (realNowMs() - idleSince > patienceMs) throw stuck();
      await realPause(5);
      continue;
    }
    idleSince = undefined;
    if (speed === 'real' && due > time.nowMs && !signal?.aborted) await pacedPause(time, due);
    if (!state.over) time.fireNext();
  }
}

/** Sleeps in pieces, moving the clock along, so that what I/O sets in motion meanwhile sees the time that it is. */
async function pacedPause(time: VirtualTime, due: number): Promise<void> {
  const offset = time.nowMs - realNowMs();
  for (;;) {
    const left = due - offset - realNowMs();
    if (left <= 0) return;
    await realPause(Math.min(left, 50));
    const next = time.nextDueMs;
    if (next === undefined || next < due) return;
    time.advanceTo(Math.min(due - 0.001, offset + realNowMs()));
  }
}

function loopTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Resolves when nothing is left to do in this process but what a timer would begin. */
async function quiet(): Promise<void> {
  await loopTurn();
  const began = realNowMs();
  for (let calmTurns = 1; ; ) {
    const active = process.getActiveResourcesInfo();
    // Whoever waits for a turn of the loop goes on after it, so it is asked again.
    if (active.includes('Immediate')) await loopTurn();
    else if (active.some((name) => underWay.test(name))) {
      // Reading a file is several requests, with turns of the loop between them.
      calmTurns = -2;
      await realPause(1);
    } else if (calmTurns > 0) return;
    else {
      calmTurns += 1;
      await loopTurn();
    }
    if (realNowMs() - began > patienceMs) return;
  }
}

function stuck(): RigError {
  return new RigError(
    'The replay stands still: a test waits for something that no time and no record will bring',
    {
      code: 'replay.stuck',
      blame: 'suite',
      hint: 'Look for a promise in the test that nothing settles.',
    },
  );
}
