/**
 * Who has to act on an error: the board under test failed, the rig (or its surroundings) failed, the suite is
 * wrong, or what a person gave is wrong. Decided by evidence at the place that throws, never from a message.
 */
export type Blame = 'board' | 'rig' | 'suite' | 'config';

/** A place in a file that a person wrote. Lines and columns count from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface RigErrorOptions {
  /** Stable, `area.reason`, for programs: `console.timeout`, `qemu.missing`. */
  readonly code: `${string}.${string}`;
  readonly blame: Blame;
  /** What to try next, one sentence. */
  readonly hint: string;
  readonly cause?: unknown;
  readonly place?: SourcePlace;
  /** Measured facts that support the blame; written to the event log, so JSON only and no secrets. */
  readonly evidence?: Readonly<Record<string, Json>>;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Every error that the rig throws on purpose. Anything else that surfaces is a defect of the code that threw it. */
export class RigError extends Error {
  override readonly name = 'RigError';
  readonly code: string;
  readonly blame: Blame;
  readonly hint: string;
  readonly place: SourcePlace | undefined;
  readonly evidence: Readonly<Record<string, Json>>;

  constructor(message: string, options: RigErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.blame = options.blame;
    this.hint = options.hint;
    this.place = options.place;
    this.evidence = options.evidence ?? {};
  }
}

/** An error as it stands in the event log and crosses a session's socket. */
export interface ErrorRecord {
  readonly code: string;
  readonly blame: Blame;
  readonly message: string;
  readonly hint: string;
  readonly place?: SourcePlace;
  readonly evidence?: Readonly<Record<string, Json>>;
  readonly stack?: string;
  readonly causes?: readonly string[];
}

/** @param fallback who is blamed for an error that nobody threw on purpose */
export function toErrorRecord(error: unknown, fallback: Blame = 'rig'): ErrorRecord {
  const causes: string[] = [];
  const seen = new Set<unknown>([error]);
  for (let cause = causeOf(error); cause !== undefined && !seen.has(cause); cause = causeOf(cause)) {
    seen.add(cause);
    causes.push(messageOf(cause));
  }
  const shared = {
    ...(error instanceof Error && error.stack ? { stack: error.stack } : {}),
    ...(causes.length > 0 ? { causes } : {}),
  };
  if (error instanceof RigError) {
    return {
      code: error.code,
      blame: error.blame,
      message: error.message,
      hint: error.hint,
      ...(error.place ? { place: error.place } : {}),
      ...(Object.keys(error.evidence).length > 0 ? { evidence: error.evidence } : {}),
      ...shared,
    };
  }
  return {
    code: `${fallback}.unexpected`,
    blame: fallback,
    message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint:
      fallback === 'suite'
        ? "Read the stack trace: the suite's own code threw this."
        : 'This is a defect of boardrig: please report it with the run folder.',
    ...shared,
  };
}

/** The error of a record, as one who received it over a socket throws it again. */
export function fromErrorRecord(record: ErrorRecord): RigError {
  return new RigError(record.message, {
    code: record.code as `${string}.${string}`,
    blame: record.blame,
    hint: record.hint,
    ...(record.place ? { place: record.place } : {}),
    ...(record.evidence ? { evidence: record.evidence } : {}),
  });
}

/** What whatever was thrown says. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

export function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
