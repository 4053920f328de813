import { packageVersion } from '../../rig/config/package.js';
import type { Cancellable, Link } from '../../rig/contracts/capabilities.js';
import type { Device, DriverContext } from '../../rig/contracts/driver.js';
import { DisposalStack } from '../../rig/lifetime/disposal-stack.js';
import { type BoardNetworkOptions, openBoardNetwork } from './board-network.js';
import { HostChanges } from './host-changes.js';
import { findInterface } from './interface.js';

/** An interface of this host that is being made a board's network. */
export interface OpeningNetwork extends Cancellable {
  readonly interface: string;
  readonly changes: HostChanges;
  readonly context: DriverContext;
  /** Ends after the network on the interface. */
  readonly stack: DisposalStack;
}

export interface NetworkKind<Options> {
  readonly driver: string;
  /** As in "network port eth1". */
  readonly noun: string;
  /** Makes the interface lead to the board, and says how that is cut. */
  linkOf(network: OpeningNetwork, options: Options): Promise<Link> | Link;
}

/** A board's network on an interface of this host; what a step that fails has changed is put back. */
export async function openNetworkDevice<Options extends BoardNetworkOptions & { readonly interface: string }>(
  kind: NetworkKind<Options>,
  { options, context, signal }: { options: Options; context: DriverContext } & Cancellable,
): Promise<Device> {
  const stack = new DisposalStack();
  try {
    const changes = stack.use(await HostChanges.open(`${kind.noun} ${options.interface}`, context));
    const name = findInterface(options.interface);
    const link = await kind.linkOf({ interface: name, changes, context, stack, signal }, options);
    const { address } = stack.use(
      await openBoardNetwork({ interface: name, options, changes, context, signal }),
    );
    const ends = stack.move();
    return {
      driver: { name: kind.driver, version: packageVersion() },
      capabilities: { address, link },
      [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}
