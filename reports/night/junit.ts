import type { ErrorRecord } from '../../rig/contracts/errors.js';
import { isExpired } from '../../rig/contracts/matrix.js';
import type { JobResult, NightReport, NightResult } from '../../rig/contracts/night.js';
import { errorLines } from '../explain.js';
import {
  addElements,
  attribute,
  type CaseElement,
  junitText,
  messageAttribute,
  newJunit,
} from '../junit-builder.js';

/**
 * The night as JUnit XML: each test once, whatever number of attempts and interruptions it took. A failure in quarantine is skipped with its
 * reason, so that a CI server does not count it and still shows it.
 */
export function nightJunit(report: NightReport): string {
  const junit = newJunit();
  for (const job of report.jobs)
    for (const { suite, tests, ms } of job.suites) {
      const place = placeOf(job);
      const element = junit
        .testSuite()
        .name(attribute(`${place}/${suite}`))
        .time(seconds(ms));
      const facts = { board: job.board, image: job.image, night: report.plan.night };
      for (const [name, value] of Object.entries(facts)) element.property(name, attribute(value));
      for (const { name } of tests.filter(({ verdict }) => verdict === 'flaky'))
        element.property(`flaky.${attribute(name)}`, 'passed on a retry');
      for (const test of tests) {
        const testCase = element
          .testCase()
          .className(attribute(`${place}.${suite}`))
          .name(attribute(test.name));
        addElements(testCase.time(seconds(test.ms)), elementsOf(test, report));
      }
    }
  return junitText(junit);
}

/** The board, and the image where it is not the board's own: Jenkins follows a test by this name. */
function placeOf({ board, image }: JobResult): string {
  return image === 'default' ? board : `${board}+${image}`;
}

function elementsOf(test: NightResult, report: NightReport): CaseElement[] {
  const { verdict, reason, quarantine } = test;
  const failure = report.failures.find((one) => one.dir === test.dir && one.id === test.id);
  const said: CaseElement[] =
    failure?.console === undefined ? [] : [{ name: 'system-out', text: `${test.dir}\n\n${failure.console}` }];
  if (quarantine && !isExpired(quarantine, report.plan) && verdict === 'failed')
    return [
      {
        name: 'skipped',
        attributes: {
          message: `failed, in quarantine until ${quarantine.expires}: ${quarantine.reason} (${quarantine.owner})`,
        },
      },
      ...said,
    ];
  const error = test.error ?? nameless(reason ?? `The test was ${verdict}`);
  switch (verdict) {
    case 'passed':
      return [];
    case 'skipped':
      return [{ name: 'skipped', attributes: { message: reason ?? 'no reason was given' } }];
    case 'flaky':
      return [element('flakyFailure', error, error.code)];
    case 'failed':
      return [element('failure', error, error.code), ...said];
    case 'errored':
    case 'blocked':
      return [
        element(
          'error',
          reason === undefined ? error : { ...error, message: reason },
          `${verdict} ${error.blame} ${error.code}`,
        ),
        ...said,
      ];
  }
}

function element(name: CaseElement['name'], error: ErrorRecord, type: string): CaseElement {
  return { name, attributes: { message: messageAttribute(error), type }, text: errorLines(error).join('\n') };
}

function nameless(message: string): ErrorRecord {
  return { code: 'night.not-run', blame: 'rig', message, hint: '' };
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms)) / 1000;
}
