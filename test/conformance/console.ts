import type { Test } from 'tap';
import { type DeviceMaker, OpenDevice } from './device.js';

/** What every driver that gives `console` keeps, judged with the `power` of the same board. */
export async function consoleConformance(t: Test, maker: DeviceMaker): Promise<void> {
  await using open = await OpenDevice.of(maker);
  const { power, console: port } = open.device.capabilities;
  if (!power || !port || !open.line) return void t.fail('the device gives no console and power');
  const { line } = open;
  const { question } = maker;

  await t.rejects(port.open({ data() {}, lost() {} }), { code: 'console.busy' }, 'it is opened once');
  t.equal(open.text, '', 'a board that is off says nothing');

  await power.on();
  await open.until(maker.started);
  const first = open.text;
  await open.type(question.line);
  await open.until(question.answer);
  t.pass('it answers');

  const bytes = Buffer.from(question.line, 'latin1');
  const written = line.write(bytes);
  bytes.fill('#');
  await written;
  await open.until(question.answer);
  t.pass('what was written is a copy');

  const over = AbortSignal.abort(new Error('given up'));
  await t.rejects(line.write(Buffer.from('x'), { signal: over }), { message: 'given up' });

  await power.off();
  open.skip();
  await power.on();
  const before = open.text.length;
  await open.until(maker.started);
  const again = open.text.slice(before);
  t.ok(first.startsWith(again.slice(0, 40)), 'the same line shows the next power-on, from its first byte');
  t.ok(again.length > 40);

  await line[Symbol.asyncDispose]();
  await line[Symbol.asyncDispose]();
  await t.rejects(line.write(Buffer.from('x')), 'a closed line takes nothing');
}
