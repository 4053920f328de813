import {
  type AddTest,
  type GpioEdge,
  type Image,
  installsItself,
  patternOf,
  type TestContext,
} from '../../rig/mod.js';
import { imageOf } from './image.js';
import { assertConfigured, configuration } from './versions.js';

const fewestBlinks = 4;

export function flasherTests(test: AddTest): void {
  test('the flasher installs the image, blinks evenly, holds the LED on at the end and powers off', {
    from: 'any',
    dirties: 'disk',
    needs: ['gpio', 'shell'],
    deadlineMs: 400_000,
  }, async (t: TestContext) => {
    const led = t.board.type.flasher?.led;
    if (!installsItself(t.board.type) || led === undefined)
      t.skip('the board is not flashed by a flasher that has an LED');
    imageOf(t);
    const wanted = configuration(t);
    const image = await t.step('Configure a copy of the flasher image', () =>
      t.host.image({
        config: { hostname: wanted.hostname },
        connections: { [wanted.connection.name]: wanted.connection.text },
      }),
    );
    t.require(image, 'the rig can configure the flasher image');
    const edges = await t.step('Let it flash the board', () => edgesOf(t, { led, image }));
    t.equal(await t.board.power.state(), 'off', 'the board is off');
    await t.step('Judge the LED', () => assertWorkedAndDone(t, edges));
    await t.step('Boot from the internal storage', () => t.board.boot());
    const { disk } = t.board.type.inventory;
    if (disk !== undefined) {
      const root = await t.board.shell.text("sed -n 's,^\\(/dev/[^ ]*\\) / .*,\\1,p' /proc/self/mounts");
      t.match(root, new RegExp(`^/dev/(${disk}|root)`), 'the root is on the disk of the board');
    }
    await t.step('Read what the flasher handed on', () => assertConfigured(t, wanted));
  });
}

async function edgesOf(
  t: TestContext,
  { led, image }: { led: string; image: Image },
): Promise<readonly GpioEdge[]> {
  await using watch = await t.board.gpio.watch(led);
  await t.board.provision(image);
  // Its supply goes with the board: the LED is dark when the rig next looks.
  await t.eventually(`${led} is dark`, async () => (await t.board.gpio.read(led)) === 0);
  return [...watch.edges];
}

function assertWorkedAndDone(t: TestContext, edges: readonly GpioEdge[]): void {
  const { pulses, onNs, darkNs, even, groups, held } = patternOf(edges);
  t.require(held, 'at the end it was on for longer than three blinks');
  t.require(pulses >= fewestBlinks, `${pulses} blinks are at least ${fewestBlinks}`);
  t.measure('flasher.blinks', pulses, 'blinks');
  t.ok(even, `on for ${Math.round(onNs / 1e6)} ms and dark for ${Math.round(darkNs / 1e6)} ms is even`);
  // A host that is busy may miss a blink; an error has a pause after every third.
  t.ok(groups.length <= pulses / 5, `${groups.length} pauses in ${pulses} blinks are no pattern`);
}
