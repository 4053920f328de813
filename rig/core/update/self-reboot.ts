import type { ShellResult } from '../../contracts/suite.js';
import { need } from '../board/absent.js';
import type { Bootable } from '../board/boot.js';
import type { SlotHistory } from './slot-history.js';

/** Where a board was when it rebooted by itself. */
export interface RebootBegun {
  readonly epoch: number;
  /** So many had been seen before. */
  readonly boots: number;
}

/**
 * Installs on a product that reboots by itself when it is done, which ends the connection to its command.
 *
 * @returns where it was when it rebooted; or the answer of a command that did not take the bundle
 * @throws RigError `console.no-reset` when it took the bundle and stayed up
 */
export async function installAndReboot(
  { circuit }: Bootable,
  {
    history,
    installing,
    took,
  }: {
    readonly history: SlotHistory | undefined;
    readonly installing: () => Promise<ShellResult>;
    readonly took: (result: ShellResult) => boolean;
  },
): Promise<RebootBegun | ShellResult> {
  const { engine } = need(circuit.console, 'console', circuit.name);
  const begun = { epoch: circuit.life.epochs, boots: history?.boots.length ?? 0 };
  const isOver = (): boolean => circuit.life.epochs !== begun.epoch;
  return circuit.trouble.expecting(() =>
    engine.tolerating(async () => {
      try {
        const result = await installing();
        if (!took(result)) return result;
      } catch (error) {
        if (!isOver()) throw error;
      }
      if (!isOver()) await engine.expectReset(async () => {});
      circuit.onCut();
      return begun;
    }),
  );
}
