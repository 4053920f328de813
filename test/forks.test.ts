// test: light
import t from 'tap';
import type { BoardConfig } from '../rig/contracts/board.js';
import { suite } from '../rig/core/runner/define.js';
import { forks } from '../rig/core/runner/lanes.js';
import { planBoard } from '../rig/core/runner/plan.js';
import { meeting, repeated, virtual } from './fakes/repeated-run.js';
import { boardConfig, ScriptedBoard } from './fakes/scripted-board.js';

t.test('forks share the suites of a plan, each of which stays whole', async (t) => {
  const together = meeting(2);
  const suites = ['a', 'b', 'c'].map((name) =>
    suite(name, { summary: '' }, (test) => {
      test('one', async (t) => {
        if (name !== 'c') await together();
        t.pass('met');
      });
      test('two', (t) => void t.ok(true));
      if (name === 'a') test('prod', { variant: 'prod' }, (t) => void t.ok(true));
    }),
  );
  const { boards, events, verdicts, exitCode } = await repeated(suites, { jobs: 2 });
  t.equal(exitCode, 0);
  t.same(boards.map(({ name }) => name).sort(), ['v', 'v~2']);
  const names = ['a/one', 'a/two', 'a/prod', 'b/one', 'b/two', 'c/one', 'c/two'];
  t.same([...verdicts].sort(), names.map((name) => `v/${name} passed`).sort(), 'each once');
  const starts = events.filter((event) => event.type === 'test.start');
  for (const name of ['a', 'b', 'c']) {
    const own = starts.filter(({ suite, name: test }) => suite === name && test !== 'prod');
    t.equal(new Set(own.map(({ board }) => board)).size, 1, `suite ${name} runs on one board`);
  }
  for (const { board, forkOf } of starts) t.equal(forkOf, board === 'v' ? undefined : 'v');
  t.same(
    events.filter(({ type }) => type === 'suite.start').map((event) => 'board' in event && event.board),
    ['v', 'v', 'v'],
    'the suites are those of the board that was asked for',
  );
});

t.test('the longest suites go first, one image variant after the other', async (t) => {
  const minutes = { a: 1, b: 3, c: 9 };
  const suites = Object.entries(minutes).map(([name, deadline]) =>
    suite(name, { summary: '' }, (test) => {
      test('one', { deadlineMs: deadline * 60_000 }, (t) => void t.ok(true));
      for (const variant of ['prod', 'dev'] as const)
        test(variant, { variant, deadlineMs: 1_000 }, (t) => void t.ok(true));
    }),
  );
  const { events } = await repeated(suites, { jobs: 2 });
  const starts = events
    .filter((event) => event.type === 'test.start')
    .map(({ suite, name }) => `${suite}/${name}`);
  t.same(starts.slice(0, 2).sort(), ['b/one', 'c/one'], 'two boards, the two longest');
  const { tests } = planBoard(virtual(), suites, { tier: 'nightly' });
  t.same(
    tests.map(({ suite, test }) => `${suite.name}/${test.name}`),
    ['a/one', 'b/one', 'c/one', 'a/dev', 'b/dev', 'c/dev', 'a/prod', 'b/prod', 'c/prod'],
  );
});

t.test('what a broken fork leaves is run by the others, or blocked by the last', async (t) => {
  const suites = ['a', 'b', 'c', 'd'].map((name) =>
    suite(name, { summary: '' }, (test) => test('one', (t) => void t.ok(true))),
  );
  const openBoard = (failing: readonly string[]) => async (config: BoardConfig) =>
    new ScriptedBoard(config, failing.includes(config.name) ? { failBoots: [1, 2] } : {});
  const one = await repeated(suites, { jobs: 2, openBoard: openBoard(['v~2']) });
  t.equal(one.verdicts.filter((verdict) => verdict.endsWith(' passed')).length, 3);
  t.equal(one.verdicts.filter((verdict) => verdict.endsWith(' failed')).length, 1);
  const both = await repeated(suites, { jobs: 2, openBoard: openBoard(['v', 'v~2']) });
  t.same(both.verdicts.map((verdict) => verdict.split(' ')[1]).sort(), [
    ...['blocked', 'blocked'],
    ...['failed', 'failed'],
  ]);
});

t.test('only what is left over of the jobs are forks', async (t) => {
  const [a, b] = [
    suite('a', { summary: '' }, (test) => test('one', (t) => void t.ok(true))),
    suite('b', { summary: '' }, (test) => test('one', (t) => void t.ok(true))),
  ];
  const plan = (config: BoardConfig) => planBoard(config, [a, b], { tier: 'nightly' });
  const count = (config: BoardConfig, options: { jobs: number; plans: number }) =>
    forks(plan(config), options).length;
  t.equal(count(virtual(), { jobs: 1, plans: 1 }), 1);
  t.equal(count(virtual(), { jobs: 2, plans: 2 }), 1, 'each board of the run has one job');
  t.equal(count(virtual(), { jobs: 5, plans: 2 }), 2);
  t.equal(count(virtual(), { jobs: 8, plans: 1 }), 2, 'never more than there are suites');
  t.equal(count(boardConfig('real'), { jobs: 2, plans: 1 }), 1, 'wires lead to one board');
});
