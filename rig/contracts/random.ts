/** Randomness that a run can repeat: it comes from the seed of the run, the test and its attempt alone. */
export interface Random {
  /** A UUID of version 4 (RFC 9562). */
  uuid(): string;
  /** A whole number from `least` to `most`, both included. @throws RigError `suite.bad-range` */
  integer(least: number, most: number): number;
  /** One of `items`. @throws RigError `suite.bad-range` when there is none */
  pick<T>(items: readonly T[]): T;
  bytes(count: number): Uint8Array;
}
