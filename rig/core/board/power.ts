import type { Cancellable } from '../../contracts/capabilities.js';
import type { Board } from '../../contracts/suite.js';
import { need } from './absent.js';
import type { Circuit } from './circuit.js';

/** Power as suites see it: every power-on opens a console epoch and counts as a cold boot. */
export function boardPower(circuit: Circuit): Board['power'] {
  const device = () => need(circuit.session.capabilities.power, 'power', circuit.name);
  const on = async (options?: Cancellable): Promise<void> => {
    if ((await device().state(options)) === 'on') return;
    circuit.trouble.clear();
    circuit.console?.engine.recover();
    circuit.life.boots += 1;
    circuit.openEpoch('power-on');
    await device().on(circuit.cancellable(options));
  };
  const off = async (options?: Cancellable): Promise<void> => {
    circuit.onCut();
    // Power must come off even when the test that used the board is over or the board is in trouble.
    await circuit.trouble.expecting(() => device().off(options));
    // What ailed the board ended with its power; its link and medium are the rig's again.
    circuit.trouble.clear();
  };
  return {
    on,
    off,
    state: (options) => device().state(options),
    cycle: async (options) => {
      await off(options);
      await on(options);
    },
  };
}
