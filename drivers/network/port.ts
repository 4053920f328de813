import { z } from 'zod';
import type { Link, LinkState } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { driverOptions } from '../options.js';
import { boardNetworkShape } from './board-network.js';
import { claimOf, interfaceOption, isUp } from './interface.js';
import { type OpeningNetwork, openNetworkDevice } from './network-device.js';

const options = driverOptions(z.strictObject({ interface: interfaceOption, ...boardNetworkShape }));

/** A network port of this host with the board alone at the other end of its cable: it is cut by taking the port down. */
export const networkPortDriver: Driver = {
  name: 'network-port',
  roles: ['network'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [claimOf(options.parse(config).interface)],
  open: (config, context, { signal } = {}) =>
    openNetworkDevice(
      { driver: 'network-port', noun: 'network port', linkOf: portLink },
      { options: options.parse(config), context, signal },
    ),
};

/** A port that is down gives no carrier: the board at the other end sees its cable pulled. */
function portLink({ interface: name, changes, context: { emit } }: OpeningNetwork): Link {
  const state = (): LinkState => (isUp(name) ? 'up' : 'down');
  return {
    state: async () => state(),
    down: async (options) => {
      if (state() === 'down') return;
      await changes.make({ change: 'down', interface: name }, options);
      emit({ kind: 'link', state: 'down' });
    },
    up: async (options) => {
      if (state() === 'up') return;
      await changes.putBack('down', options);
      // Somebody else took it down.
      await changes.make({ change: 'up', interface: name }, options);
      emit({ kind: 'link', state: 'up' });
    },
  };
}
