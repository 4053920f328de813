import type { BoardConfig } from '../../contracts/board.js';
import type { BootMode, Cancellable, Capabilities, Mux, Power } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { SerialQueue } from '../../lifetime/serial-queue.js';

/**
 * What no driver can see to by itself, since each holds one device: the medium never changes sides while the board has
 * power (a card in a mux feeds the board and is torn from a running file system), and power never comes on while it moves.
 * A board type whose boards bear it says `muxUnderPower`.
 */
export function interlocked(board: BoardConfig, capabilities: Capabilities): Capabilities {
  return muxInterlocked(board, bootModeInterlocked(board, capabilities));
}

/** A strap that the processor has read may be an output of it since: it is never driven against a board that is on or comes on. */
function bootModeInterlocked(board: BoardConfig, capabilities: Capabilities): Capabilities {
  const { power, bootMode } = capabilities;
  if (!power || !bootMode) return capabilities;
  const queue = new SerialQueue();
  let changes = 0;
  const guarded: BootMode = {
    modes: () => bootMode.modes(),
    mode: () => bootMode.mode(),
    set: async (mode, cancel) => {
      changes += 1;
      try {
        await queue.run(async () => {
          const state = await power.state(cancel);
          if (state !== 'off' && (await bootMode.mode()) !== mode) throw strapsDriven(board.name, state);
          await bootMode.set(mode, cancel);
        }, cancel);
      } finally {
        changes -= 1;
      }
    },
  };
  const guardedPower: Power = {
    on: (cancel) => (changes === 0 ? power.on(cancel) : queue.run(() => power.on(cancel), cancel)),
    off: (cancel) => power.off(cancel),
    state: (cancel) => power.state(cancel),
  };
  return { ...capabilities, bootMode: guarded, power: guardedPower };
}

function strapsDriven(board: string, state: string): RigError {
  return new RigError(`The boot mode of board "${board}" may not change: its power is ${state}, not off`, {
    code: 'boot-mode.board-on',
    blame: 'suite',
    hint: 'Power the board off first; jumpers are read at power-on anyway.',
    evidence: { state },
  });
}

function muxInterlocked(board: BoardConfig, capabilities: Capabilities): Capabilities {
  const { power, mux } = capabilities;
  if (!power || !mux || board.type.muxUnderPower) return capabilities;
  const queue = new SerialQueue();
  let moves = 0;
  const whileOff = async <T>(move: () => Promise<T>, cancel: Cancellable = {}): Promise<T> => {
    moves += 1;
    try {
      return await queue.run(async () => {
        const state = await power.state(cancel);
        if (state !== 'off') throw boardOn(board.name, state);
        return move();
      }, cancel);
    } finally {
      moves -= 1;
    }
  };
  const guardedMux: Mux = {
    side: (cancel) => mux.side(cancel),
    toRig: (cancel) => whileOff(() => mux.toRig(cancel), cancel),
    toBoard: (cancel) => whileOff(() => mux.toBoard(cancel), cancel),
  };
  const guardedPower: Power = {
    // Not queued without need: orders that are given at once keep their order.
    on: (cancel) => (moves === 0 ? power.on(cancel) : queue.run(() => power.on(cancel), cancel)),
    // Never behind a move that hangs: power must come off whatever else goes on.
    off: (cancel) => power.off(cancel),
    state: (cancel) => power.state(cancel),
  };
  return { ...capabilities, power: guardedPower, mux: guardedMux };
}

function boardOn(name: string, state: string): RigError {
  return new RigError(`The medium of board "${name}" may not change sides: its power is ${state}, not off`, {
    code: 'storage.board-on',
    blame: 'suite',
    hint: 'Power the board off first, or set muxUnderPower in the board type if the board can bear it.',
    evidence: { state },
  });
}
