import type { AddTest, GpioEdge, Image, TestContext } from '../../rig/mod.js';
import { groupsOf, median, pulsesOf } from './blinks.js';
import { imageOf } from './image.js';
import { assertConfigured, configuration } from './versions.js';

/** Evenly: neither light nor darkness is more than this many times the other. */
const evenRatio = 2;
/** Held: on for more than this many times as long as a blink. */
const heldRatio = 3;
const fewestBlinks = 4;

export function flasherTests(test: AddTest): void {
  test('the flasher installs the image, blinks evenly, holds the LED on at the end and powers off', {
    from: 'any',
    dirties: 'disk',
    needs: ['gpio', 'shell'],
    deadlineMs: 400_000,
  }, async (t: TestContext) => {
    const { flash, flasher } = t.board.type;
    const led = flasher?.led;
    if (flash !== 'flasher' || led === undefined)
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
  const pulses = pulsesOf(edges);
  const held = pulses.at(-1);
  const blinks = pulses.slice(0, -1);
  t.require(held && blinks.length >= fewestBlinks, `${blinks.length} blinks are at least ${fewestBlinks}`);
  t.measure('flasher.blinks', blinks.length, 'blinks');
  const on = median(blinks.map(({ onNs }) => onNs));
  const dark = median(blinks.slice(1).map(({ darkNs }) => darkNs));
  t.ok(
    on < evenRatio * dark && dark < evenRatio * on,
    `on for ${Math.round(on / 1e6)} ms and dark for ${Math.round(dark / 1e6)} ms is even`,
  );
  // A host that is busy may miss a blink; an error has a pause after every third.
  const pauses = groupsOf(blinks, { times: heldRatio }).length;
  t.ok(pauses <= blinks.length / 5, `${pauses} pauses in ${blinks.length} blinks are no pattern`);
  t.ok(
    held.onNs > heldRatio * on,
    `at the end it was on for ${Math.round(held.onNs / 1e6)} ms, more than ${heldRatio} blinks`,
  );
}
