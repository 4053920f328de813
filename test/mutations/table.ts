import { alone, type Batch, type Mutation } from './mutation.js';
import { accessMutations } from './table-access.js';
import { flashingMutations } from './table-flashing.js';
import { bootBatch } from './table-full-boots.js';
import { configBatch } from './table-full-config.js';
import { engineBatches } from './table-full-engine.js';
import { systemBatches } from './table-full-system.js';
import { systemMutations } from './table-system.js';
import { updateMutations } from './table-updates.js';

/** Each in a copy of the small image: seconds. */
const mutations: readonly Mutation[] = [
  ...systemMutations,
  ...accessMutations,
  ...flashingMutations,
  ...updateMutations,
];

/** Every way in which the suites were seen to fail, the cheapest first. */
export const batches: readonly Batch[] = [
  ...mutations.map(alone),
  ...systemBatches,
  configBatch,
  ...engineBatches,
  bootBatch,
];
