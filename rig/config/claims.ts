import type { BoardConfig } from '../contracts/board.js';
import type { DriverLoaders } from './lab.js';

/** Finds devices that two boards, or two roles of one, would both use. */
export async function reportSharedDevices(
  boards: readonly BoardConfig[],
  {
    loaders,
    report,
  }: {
    readonly loaders: DriverLoaders;
    readonly report: (shared: {
      readonly board: string;
      readonly role: string;
      readonly message: string;
    }) => void;
  },
): Promise<void> {
  const owners = new Map<string, { board: string; role: string }>();
  for (const board of boards) {
    for (const [role, config] of Object.entries(board.drivers)) {
      const driver = await loaders[config.driver]?.();
      // Options that are wrong were reported already, and `claims` may count on right ones.
      if (!driver?.claims || driver.validate(config).length > 0) continue;
      for (const claim of driver.claims(config)) {
        const owner = owners.get(claim);
        if (owner)
          report({
            board: board.name,
            role,
            message: `uses ${claim}, which is already ${owner.board === board.name ? "this board's" : `${owner.board}'s`} ${owner.role}; expected a device of its own`,
          });
        else owners.set(claim, { board: board.name, role });
      }
    }
  }
}
