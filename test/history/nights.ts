import type { ErrorRecord } from '../../rig/contracts/errors.js';
import { countVerdicts, exitCodeOf, type Verdict } from '../../rig/contracts/verdict.js';
import { Story } from '../report/story.js';

export interface Night {
  /** From 1: the day of January 2026. */
  readonly day: number;
  readonly sha256?: string;
  /** Verdict of each test, by its name. */
  readonly tests: Readonly<Record<string, Verdict>>;
  readonly testMs?: number;
  /** Of bench1, on which the tests ran. */
  readonly fork?: string;
  /** When the kernel showed itself, of each boot. */
  readonly kernelMs?: readonly number[];
}

const failure: ErrorRecord = {
  code: 'test.assertion',
  blame: 'board',
  message: 'Expected 1, found 2',
  hint: 'Look.',
};

/** A recorded run of one board. @returns its folder */
export async function night(runsDir: string, { day, tests, ...facts }: Night): Promise<string> {
  const startedAt = `2026-01-${String(day).padStart(2, '0')}T01:00:00.000Z`;
  await using story = await Story.begin(runsDir, { startedAt });
  const sha256 = facts.sha256 === undefined ? {} : { sha256: facts.sha256 };
  story.board({ name: 'bench1', type: 'virt-arm64', ...sha256 });
  const boots = facts.kernelMs ?? [1_000];
  for (const ms of boots) story.power('on').after(ms).stage('kernel').power('off').after(10);
  story.suite('boot', Object.keys(tests).length);
  if (facts.fork !== undefined) story.board({ name: facts.fork, type: 'virt-arm64', ...sha256 });
  for (const [name, verdict] of Object.entries(tests)) {
    const fails = verdict === 'failed' || verdict === 'flaky';
    story
      .start(name)
      .after(facts.testMs ?? 500)
      .measure('answers after', 12, 'ms');
    if (verdict !== 'flaky') story.end({ verdict, ...(fails ? { error: failure } : {}) });
    else {
      story.end({ verdict: 'failed', final: null, error: failure });
      story.start(name, 2).after(100).end({ verdict: 'passed', final: 'flaky' });
    }
  }
  story.endSuite().close(boots.length);
  const counts = countVerdicts(story.verdicts);
  story.emit({ type: 'run.end', counts, exitCode: exitCodeOf(counts) });
  return story.recorder.dir;
}
