import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { parseSwaps } from '../facts/swaps.js';

export function swapTests(test: AddTest): void {
  test('swaps to compressed memory and to nothing else', async (t: TestContext) => {
    const { device } = await promised(t, 'swap');
    const swaps = parseSwaps(await t.step('Read the swaps', () => t.board.shell.text('cat /proc/swaps')));
    t.same(
      swaps.map((swap) => swap.device),
      [`/dev/${device}`],
      `${device} is the only swap`,
    );
    t.ok((swaps[0]?.kibibytes ?? 0) > 0, 'it has a size');
  });
}
