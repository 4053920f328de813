/** What `rig doctor` found out about one thing. `bad`: the rig cannot work; `warn`: something is slow or missing. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'bad';
  readonly found: string;
  /** What to do about it; absent when all is well. */
  readonly hint?: string;
}
