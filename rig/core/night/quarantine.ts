import { isExpired, type Quarantine } from '../../contracts/matrix.js';
import type { NightJob, NightTest, PlannedQuarantine, QuarantineState } from '../../contracts/night.js';
import type { Verdict } from '../../contracts/verdict.js';

/** Where a test ran. */
export interface TestAt extends NightTest {
  readonly board: string;
  readonly image: string;
}

/** The quarantine that a test is in, whether or not its day is over. */
export function quarantineOf(all: readonly Quarantine[], at: TestAt): Quarantine | undefined {
  return all.find(
    ({ test, boards, image }) =>
      test === `${at.suite}/${at.name}` &&
      (boards === undefined || boards.includes(at.board)) &&
      (image === undefined || image === at.image),
  );
}

/** As often as the test of a quarantine is in `jobs`, on each board and with each image once. */
export function placesOf(
  quarantine: Quarantine,
  jobs: readonly Pick<NightJob, 'board' | 'image' | 'tests'>[],
): number {
  const all = jobs.flatMap(({ board, image, tests }) => tests.map((test) => ({ ...test, board, image })));
  return all.filter((at) => quarantineOf([quarantine], at) !== undefined).length;
}

/** A known problem excuses what a board does wrong: errors of the rig are another matter. */
export function isExcused(
  quarantine: Quarantine | undefined,
  { verdict, startedAt }: { verdict: Verdict; startedAt: string },
): boolean {
  return (
    quarantine !== undefined &&
    !isExpired(quarantine, { startedAt }) &&
    (verdict === 'failed' || verdict === 'flaky')
  );
}

/**
 * How a quarantine stands after a night.
 *
 * @param tonight the verdicts of the tests in it
 * @param passedBefore in how many nights before this one each of them passed, on end
 */
export function stateOf(
  quarantine: PlannedQuarantine,
  options: { tonight: readonly Verdict[]; passedBefore: readonly number[]; startedAt: string },
): QuarantineState {
  const { tonight } = options;
  const words = tonight.filter((verdict) => verdict !== 'blocked' && verdict !== 'skipped');
  const allPassed = words.length > 0 && words.every((verdict) => verdict === 'passed');
  const passedNights = allPassed ? 1 + Math.min(...options.passedBefore) : 0;
  const expired = isExpired(quarantine, options);
  const here = words.length === 0 ? 'not run' : allPassed ? 'passing' : 'failing';
  return {
    ...quarantine,
    state: expired ? 'expired' : here,
    passedNights,
    release:
      passedNights >= quarantine.releaseAfter &&
      tonight.length >= quarantine.places &&
      !tonight.includes('blocked'),
  };
}
