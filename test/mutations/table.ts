import type { Mutation } from './mutation.js';
import { accessMutations } from './table-access.js';
import { systemMutations } from './table-system.js';

/** Every way in which the suites were seen to fail. */
export const mutations: readonly Mutation[] = [...systemMutations, ...accessMutations];
