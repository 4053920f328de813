import type { Test } from 'tap';
import type { FarEnd } from './far-ends.js';
import { codeOf, open, openLine, Sink, until } from './support.js';

/** What any line of a console driver must do, whatever carries its bytes. */
export async function lineConformance(t: Test, start: (t: Test) => Promise<FarEnd>): Promise<void> {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

  await t.test('carries every byte both ways', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const sink = new Sink();
    const line = await openLine(device, sink);
    far.say(everyByte);
    await sink.seen(256);
    t.same(sink.bytes, everyByte, 'in');
    await line.write(everyByte);
    await until(() => far.heard().length >= 256, 'what was typed');
    t.same(far.heard(), everyByte, 'out');
    await line[Symbol.asyncDispose]();
    await line[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    t.same(sink.losses, [], 'closing on purpose is no loss');
    t.equal(await codeOf(line.write(everyByte)), 'console.closed');
  });

  await t.test('takes a flood without losing a byte', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const sink = new Sink();
    await openLine(device, sink);
    const flood = Buffer.alloc(1_000_000, 'U-Boot SPL 2023.01 ');
    far.say(flood);
    await sink.seen(flood.length);
    t.ok(sink.bytes.equals(flood));
    await device[Symbol.asyncDispose]();
  });

  await t.test('reports a loss once, and fails later writes with it', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const sink = new Sink();
    const line = await openLine(device, sink);
    far.say(Buffer.from('last words'));
    await sink.seen(10);
    await far.vanish();
    await until(() => sink.losses.length > 0, 'the loss');
    t.match(sink.losses[0], { code: 'console.lost', blame: 'rig' });
    t.equal(await codeOf(line.write(Buffer.from('x'))), 'console.lost');
    await device[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    t.equal(sink.losses.length, 1);
  });

  await t.test('an aborted write rejects with the reason', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const line = await openLine(device, new Sink());
    await t.rejects(line.write(Buffer.from('x'), { signal: AbortSignal.abort(new Error('enough')) }), {
      message: 'enough',
    });
    await device[Symbol.asyncDispose]();
  });
}
