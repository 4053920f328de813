import type { Power } from '../../contracts/capabilities.js';
import type { BoardBootMode } from '../../contracts/suite.js';
import { need } from './absent.js';
import type { Circuit } from './circuit.js';
import { looks } from './observe.js';

export function boardBootMode(
  circuit: Circuit,
  { power }: { readonly power: Pick<Power, 'off'> },
): BoardBootMode {
  const device = () => need(circuit.session.capabilities.bootMode, 'bootMode', circuit.name);
  return {
    modes: () => circuit.observe(looks.bootModes, async () => [...(await device().modes())]),
    set: async (mode, options) => {
      device();
      await power.off(options);
      await circuit.observe(looks.bootMode(mode), () =>
        device()
          .set(mode, circuit.cancellable(options))
          .then(() => undefined),
      );
    },
  };
}
