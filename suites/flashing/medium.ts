import { type AddTest, RigError, type TestContext } from '../../rig/mod.js';
import { failureOf } from '../board/failure.js';
import { damageBlock, soil } from './drive.js';
import { bootImageOf, imageOf } from './image.js';

/** Of what has to be written, when nothing has changed. */
const almostNothingBytes = 64 * 1024;
const readBackDiffers = 'flash.read-back-differs';

export function mediumTests(test: AddTest): void {
  test('the medium reads back as the image; a changed block is caught and alone written anew', {
    from: 'fresh',
    dirties: 'disk',
    tier: 'smoke',
    deadlineMs: 120_000,
  }, async (t: TestContext) => {
    const image = imageOf(t);
    await t.board.medium.atRig(async (drive) => {
      const { mappedBytes } = await t.step('Write the image and read it back', () =>
        t.board.medium.write(image, drive),
      );
      t.measure('image.mapped', mappedBytes, 'bytes');
      t.ok(mappedBytes > 0, `${mappedBytes} bytes of the image are mapped`);
      await t.step('Change one block behind the back of the rig', () => damageBlock(t, drive, 0));
      const caught = await t.step('Read it back', () => failureOf(() => t.board.medium.verify(image, drive)));
      t.equal(caught?.code, readBackDiffers, 'the changed block is caught');
      const repaired = await t.step('Write what differs', () =>
        t.board.medium.write(image, drive, { delta: true }),
      );
      t.ok(repaired.writtenBytes > 0, 'the changed block is written');
      t.ok(
        repaired.writtenBytes <= almostNothingBytes,
        `and little else: ${repaired.writtenBytes} bytes are at most ${almostNothingBytes}`,
      );
      const again = await t.step('Write the same image again, what differs', () =>
        t.board.medium.write(image, drive, { delta: true }),
      );
      t.equal(again.writtenBytes, 0, 'nothing is written');
      await t.step('Read it back', () => t.board.medium.verify(image, drive));
    });
  });

  test('a flash that was interrupted is never taken for a whole one; the next one is whole and boots', {
    from: 'fresh',
    dirties: 'disk',
    needs: ['shell'],
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const image = bootImageOf(t);
    await t.board.medium.atRig(async (drive) => {
      const whole = await t.step('Measure a flash that nobody interrupts', async () => {
        const began = performance.now();
        await t.board.medium.write(image, drive);
        return performance.now() - began;
      });
      // The first as soon as it can be, the others anywhere.
      for (const fraction of [0, t.random.integer(1, 80) / 100, t.random.integer(1, 80) / 100]) {
        const afterMs = Math.round(fraction * whole);
        await t.step(`Interrupt a flash after ${afterMs} ms`, async () => {
          await soil(t, drive, { everyBytes: 4 * 1024 * 1024 });
          const failure = await failureOf(() =>
            t.board.medium.write(image, drive, { signal: interruption(afterMs) }),
          );
          if (failure) {
            t.equal(failure.code, 'flashing.interrupted', 'it ends by the interruption');
            return;
          }
          // It was done before that; then it must be true.
          t.ok(fraction > 0, 'the first one is interrupted before it can be done');
          await t.board.medium.verify(image, drive);
        });
        if (fraction > 0) continue;
        const caught = await failureOf(() => t.board.medium.verify(image, drive));
        t.equal(caught?.code, readBackDiffers, 'reading back shows that the image is not there');
      }
      await t.step('Flash again', () => t.board.medium.write(image, drive));
      await t.step('Read it back', () => t.board.medium.verify(image, drive));
    });
    await t.step('Boot', () => t.board.boot());
  });
}

function interruption(afterMs: number): AbortSignal {
  const controller = new AbortController();
  const reason = new RigError('The suite interrupts the flash', {
    code: 'flashing.interrupted',
    blame: 'suite',
    hint: 'This is what the test is about.',
  });
  if (afterMs === 0) queueMicrotask(() => controller.abort(reason));
  else setTimeout(() => controller.abort(reason), afterMs);
  return controller.signal;
}
