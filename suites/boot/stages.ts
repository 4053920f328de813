import type { AddTest, Board, BootRecord, TestContext } from '../../rig/mod.js';

type Stage = BootRecord['stages'][number]['stage'];

const order = ['firmware', 'bootloader', 'kernel', 'init'] as const;

export function stageTests(test: AddTest): void {
  test('boots through every stage in order', {
    from: 'fresh',
    tier: 'smoke',
    needs: ['console'],
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const record = await t.step('Power on and wait for a shell', () => t.board.boot());
    await t.step('Compare the stages seen on the console', () => {
      assertStages(t, record, t.board);
      for (const { stage, ms } of record.stages) t.measure(`boot.${stage}`, ms, 'ms');
    });
  });
}

/** The stages that a board's type gives a signature for, in the order of a boot; and a shell at the end. */
export function expectedStages(board: Board): readonly Stage[] {
  const variant = board.image?.variant ?? 'dev';
  return [
    ...order
      .filter((stage) => board.type.signatures[stage] !== undefined)
      // An image whose serial line is closed says nothing more there once its kernel runs.
      .filter((stage) => stage !== 'init' || board.profile.consoleLogin[variant]),
    'shell',
  ];
}

/** Every expected stage once, in order, and never back in time. */
export function assertStages(t: TestContext, record: BootRecord, board: Board): void {
  const wanted = expectedStages(board);
  t.require(
    wanted.length > 1,
    'the board type has a signature for at least one stage, so that an order can be seen',
  );
  t.same(
    record.stages.map(({ stage }) => stage),
    wanted,
    'the stages were seen once each, in order',
  );
  const backwards = record.stages.filter(({ ms }, index) => ms < (record.stages[index - 1]?.ms ?? 0));
  t.same(backwards, [], 'no stage was seen before the one that it follows');
}
