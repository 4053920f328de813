import type { MediumWriter } from '../contracts/medium-writer.js';

const engine = async (): Promise<MediumWriter> => (await import('../flash/medium-writer.js')).mediumWriter;

/** The flash engine, loaded with the first medium that is written: a run on a virtual board may write none. */
export const mediumWriter: MediumWriter = {
  write: async (...args) => (await engine()).write(...args),
  verify: async (...args) => (await engine()).verify(...args),
};
