import { RigError } from '../../contracts/errors.js';
import type { FrozenBoard, FrozenTest } from '../../record/frozen.js';

/** A moment of a run that its boards can be brought back to. */
export interface Moment extends FrozenTest {
  readonly boards: readonly FrozenBoard[];
  /** The step that begins there; absent: where the test failed. */
  readonly step?: number;
  /** Tests that would have done too. */
  readonly others: readonly string[];
}

/**
 * @param wanted a test's id or a part of it; absent: the first
 * @throws RigError `resume.nothing-frozen`, `resume.no-such-test`, `resume.ambiguous-test`, `resume.no-such-step` (blame: config)
 */
export function chooseMoment(
  tests: readonly FrozenTest[],
  { wanted, step }: { wanted: string | undefined; step: number | undefined },
): Moment {
  const [first] = tests;
  if (!first) {
    throw new RigError('The run kept no board', {
      code: 'resume.nothing-frozen',
      blame: 'config',
      hint: 'Run the test again with --keep-on-failure; only virtual boards that were on can be kept.',
    });
  }
  const found = wanted === undefined ? tests : matching(tests, wanted);
  const [test, ...others] = found;
  if (!test || (wanted !== undefined && others.length > 0)) throw notOne(wanted ?? '', { found, tests });
  const names = others.map((other) => other.test.id);
  if (step === undefined && test.failure.length > 0) return { ...test, boards: test.failure, others: names };
  const boards = step === undefined ? undefined : test.steps.get(step);
  if (!boards) throw noSuchStep(test, step);
  return { ...test, boards, step: Number(step), others: names };
}

function matching(tests: readonly FrozenTest[], wanted: string): readonly FrozenTest[] {
  const exact = tests.filter(({ test }) =>
    [test.id, `${test.suite}/${test.name}`, test.name].includes(wanted),
  );
  if (exact.length > 0) return exact;
  const part = wanted.toLowerCase();
  return tests.filter(({ test }) => test.id.toLowerCase().includes(part));
}

function notOne(
  wanted: string,
  { found, tests }: { found: readonly FrozenTest[]; tests: readonly FrozenTest[] },
): RigError {
  const list = (some: readonly FrozenTest[]): string => some.map(({ test }) => `\n  ${test.id}`).join('');
  return found.length > 0
    ? new RigError(`"${wanted}" means more than one test of which boards were kept:${list(found)}`, {
        code: 'resume.ambiguous-test',
        blame: 'config',
        hint: 'Give more of the name.',
      })
    : new RigError(`No board was kept of a test called "${wanted}"; boards were kept of:${list(tests)}`, {
        code: 'resume.no-such-test',
        blame: 'config',
        hint: 'Give one of these names, or a part of it.',
      });
}

function noSuchStep({ test, steps }: FrozenTest, step: number | undefined): RigError {
  const kept = [...steps.keys()].join(', ');
  return new RigError(
    step === undefined
      ? `No board of ${test.id} was kept where it failed`
      : `No board of ${test.id} was kept at step ${step}`,
    {
      code: 'resume.no-such-step',
      blame: 'config',
      hint: kept === '' ? 'Steps are kept with: rig run --snapshots steps' : `There is --step ${kept}.`,
    },
  );
}
