import type { Certificate, JudgedState } from '../../rig/contracts/powercut-verdict.js';
import { addElements, attribute, type CaseElement, junitText, newJunit } from '../junit-builder.js';
import { kindWords } from './words.js';

/**
 * The certificate as JUnit XML: one test for each phase of the operation and kind of state, so that their names stay the same from run to
 * run. A brick or lost data in one of its states is a failure; states that were not judged are an error of the rig.
 */
export function powercutJunit(certificate: Certificate): string {
  const { operation, board, seconds } = certificate;
  const junit = newJunit();
  const name = `powercut ${operation} on ${board.name}`;
  const suite = junit.testSuite().name(attribute(name)).time(seconds);
  for (const [key, value] of propertiesOf(certificate)) suite.property(key, attribute(value));
  for (const [test, states] of groups(certificate)) {
    const testCase = suite
      .testCase()
      .className(attribute(`powercut.${operation}`))
      .name(attribute(test))
      .time(0);
    addElements(testCase, elementsOf(states, certificate));
  }
  const { disagreed } = certificate.checked;
  if (disagreed.length > 0) {
    const testCase = suite.testCase().className('powercut').name('states settled without a boot').time(0);
    const message = `${disagreed.length} came out otherwise when they were booted: ${disagreed.join(', ')}`;
    addElements(testCase, [
      {
        name: 'error',
        attributes: { message: attribute(message), type: 'errored rig powercut.disagreement' },
      },
    ]);
  }
  return junitText(junit);
}

function propertiesOf(certificate: Certificate): [string, string][] {
  const { model, seed, base, board, states, distinct, booted } = certificate;
  return [
    ['board', board.name],
    ['board.type', board.type],
    ['base.sha256', base.sha256],
    ['model', model],
    ['seed', String(seed)],
    ['states', String(states)],
    ['distinct', String(distinct)],
    ['booted', String(booted)],
  ];
}

function groups({ judged, phases }: Certificate): Map<string, JudgedState[]> {
  const found = new Map<string, JudgedState[]>();
  for (const state of judged) {
    const phase =
      phases.findLast(({ from }) => from <= Math.max(0, state.entry))?.name ?? 'before the first phase';
    const name = `${phase}: ${kindWords[state.kind]}`;
    const group = found.get(name);
    if (group) group.push(state);
    else found.set(name, [state]);
  }
  return found;
}

const shownStates = 20;

function elementsOf(states: readonly JudgedState[], { counterexamples }: Certificate): CaseElement[] {
  const bad = states.filter(
    ({ verdict }) => verdict?.outcome === 'bricked' || verdict?.outcome === 'dataLost',
  );
  const left = states.filter(({ verdict }) => verdict === undefined).length;
  const output: CaseElement = { name: 'system-out', text: `${states.length} states, ${left} of them left` };
  if (bad.length > 0) {
    const lines = bad.slice(0, shownStates).map(({ state, verdict }) => `${state}: ${verdict?.why}`);
    const shrunk = counterexamples.filter(({ state }) => bad.some((each) => each.state === state));
    const explained = shrunk.flatMap(({ writes, because }) =>
      writes.map((write) => `${because}: write ${write.entry} in "${write.phase}", ${write.what}`),
    );
    const message = `${bad.length} of ${states.length} states are bricked or have lost data`;
    const [first] = bad;
    return [
      {
        name: 'failure',
        attributes: { message, type: `powercut.${first?.verdict?.outcome ?? 'bricked'}` },
        text: [...lines, ...explained].join('\n'),
      },
      output,
    ];
  }
  if (left > 0)
    return [
      {
        name: 'error',
        attributes: {
          message: `${left} of ${states.length} states were not judged`,
          type: 'blocked rig powercut.left',
        },
      },
      output,
    ];
  return [output];
}
