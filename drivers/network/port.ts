import { z } from 'zod';
import { packageVersion } from '../../rig/config/package.js';
import type { Link, LinkState } from '../../rig/contracts/capabilities.js';
import type { Driver, DriverContext } from '../../rig/contracts/driver.js';
import { DisposalStack } from '../../rig/lifetime/disposal-stack.js';
import { driverOptions } from '../options.js';
import { boardNetworkShape, openBoardNetwork } from './board-network.js';
import { HostChanges } from './host-changes.js';
import { claimOf, findInterface, interfaceOption, isUp } from './interface.js';

const options = driverOptions(z.strictObject({ interface: interfaceOption, ...boardNetworkShape }));

/** A network port of this host with the board alone at the other end of its cable: it is cut by taking the port down. */
export const networkPortDriver: Driver = {
  name: 'network-port',
  roles: ['network'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [claimOf(options.parse(config).interface)],
  open: async (config, context, { signal } = {}) => {
    const parsed = options.parse(config);
    const stack = new DisposalStack();
    try {
      const changes = stack.use(await HostChanges.open(`network port ${parsed.interface}`, context));
      const name = findInterface(parsed.interface);
      const network = stack.use(
        await openBoardNetwork({ interface: name, options: parsed, changes, context, signal }),
      );
      const ends = stack.move();
      return {
        driver: { name: 'network-port', version: packageVersion() },
        capabilities: { address: network.address, link: portLink(name, { changes, emit: context.emit }) },
        [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose](),
      };
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
  },
};

/** A port that is down gives no carrier: the board at the other end sees its cable pulled. */
function portLink(
  name: string,
  { changes, emit }: { changes: HostChanges } & Pick<DriverContext, 'emit'>,
): Link {
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
