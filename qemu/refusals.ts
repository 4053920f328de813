import { RigError } from '../rig/contracts/errors.js';

/** What a virtual board refuses because of its own state. */

export function boardOff(board: string, toDoWhat: string): RigError {
  return new RigError(`Board "${board}" is off: cannot ${toDoWhat}`, {
    code: 'power.board-off',
    blame: 'suite',
    hint: 'Power the board on first.',
  });
}

export function boardOn(board: string): RigError {
  return new RigError(`Board "${board}" is on: its medium is in use`, {
    code: 'storage.board-on',
    blame: 'suite',
    hint: 'Power the board off first.',
  });
}

export function boardClosed(board: string): RigError {
  return new RigError(`Board "${board}" was closed`, {
    code: 'qemu.closed',
    blame: 'rig',
    hint: 'Open the board again.',
  });
}

export function unnamedMedium(): RigError {
  return new RigError('Cannot save the board: its medium was written at the rig and lies on no image', {
    code: 'snapshot.unnamed-medium',
    blame: 'suite',
    hint: 'Provision an image first; the board then runs from an overlay on that.',
  });
}

export function boardStopping(reason: 'reset' | 'shutdown'): RigError {
  return new RigError(`Cannot save the board: its guest has just asked for a ${reason}`, {
    code: 'snapshot.board-stopping',
    blame: 'suite',
    hint: 'Wait for the board to be up, then save it.',
  });
}
