import type { suite } from '../rig/mod.js';

/** Adds one test to the suite being defined; what files of one suite share. */
export type AddTest = Parameters<Parameters<typeof suite>[2]>[0];
