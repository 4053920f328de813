import { stringify } from 'yaml';
import type { ErrorRecord, Json } from '../rig/contracts/errors.js';
import type { AssertionRecord, AttemptRecord, StepRecord } from '../rig/record/model.js';
import { blameWords } from './words.js';

/** A failed assertion and the steps that lead to it. */
export interface FailedAssertion {
  readonly steps: readonly string[];
  readonly assertion: AssertionRecord;
}

/** Every failed assertion of an attempt, in order. */
export function failedAssertions(attempt: AttemptRecord): FailedAssertion[] {
  const inSteps = (steps: readonly StepRecord[], path: readonly string[]): FailedAssertion[] =>
    steps.flatMap((step) => {
      const here = [...path, step.name];
      return [...failed(step.assertions, here), ...inSteps(step.children, here)];
    });
  return [...failed(attempt.assertions, []), ...inSteps(attempt.steps, [])].sort(
    (a, b) => a.assertion.t - b.assertion.t,
  );
}

/** An error in the lines that every plain-text report prints. */
export function errorLines(error: ErrorRecord): string[] {
  return [
    error.message,
    `Blame: ${blameWords[error.blame] ?? error.blame} (${error.code})`,
    ...(error.causes ?? []).map((cause) => `Cause: ${cause}`),
    ...(error.evidence ? [`Evidence: ${JSON.stringify(error.evidence)}`] : []),
    ...(error.hint === '' ? [] : [`Try: ${error.hint}`]),
  ];
}

export function assertionLines({ steps, assertion }: FailedAssertion): string[] {
  const where = steps.length > 0 ? ` (in ${steps.join(' › ')})` : '';
  return [`not ok: ${assertion.name}${where}`, ...indent(diagnosticText(assertion.diagnostic))];
}

/** A diagnostic as YAML, which shows texts of many lines as they are. */
export function diagnosticText(diagnostic: Json | undefined): string {
  return diagnostic === undefined ? '' : stringify(diagnostic, { lineWidth: 0 }).trimEnd();
}

function failed(assertions: readonly AssertionRecord[], steps: readonly string[]): FailedAssertion[] {
  return assertions.filter((assertion) => !assertion.ok).map((assertion) => ({ steps, assertion }));
}

function indent(text: string): string[] {
  return text === '' ? [] : text.split('\n').map((line) => `  ${line}`);
}
