/** What a command may touch of its surroundings; tests hand in their own. */
export interface CommandIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** From now on `out` and `err` show these values as asterisks. */
  readonly hide: (secrets: readonly string[]) => void;
  /** Both ends are a terminal: questions may be asked, progress may be redrawn. */
  readonly terminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborts with the signal's name (`SIGINT`, `SIGTERM`, `SIGHUP`) as reason. */
  readonly signal: AbortSignal;
}

/** What commander parsed: positional arguments in order (a variadic one is an array), and the options. */
export interface CommandInput {
  readonly args: readonly (string | readonly string[] | undefined)[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Everything after `--`. */
  readonly rest: readonly string[];
}

/** A command's module exports `run`, which resolves with the exit code. */
export interface CommandModule {
  run(input: CommandInput, io: CommandIo): Promise<number>;
}
