import { open } from 'node:fs/promises';
import type { Test } from 'tap';
import { type DeviceMaker, OpenDevice } from './device.js';

export interface MuxMaker extends DeviceMaker {
  /** Lines that make the board write 0x5a to the first 512 bytes of the medium, and what it answers when done. */
  readonly scribble: { readonly lines: readonly string[]; readonly answer: string };
}

/** What every driver that gives `mux` keeps. */
export async function muxConformance(t: Test, maker: MuxMaker): Promise<void> {
  await using board = await OpenDevice.of(maker);
  const { power, mux } = board.device.capabilities;
  if (!power || !mux) return void t.fail('the device gives no mux and power');
  const drive = await mux.toRig();
  t.equal(await mux.side(), 'rig');
  t.equal((await mux.toRig()).path, drive.path, 'to the rig twice is once');
  const written = Buffer.alloc(4096, 0xa1);
  {
    await using file = await open(drive.path, 'r+');
    t.equal(
      (await file.stat()).size || drive.sizeBytes,
      drive.sizeBytes,
      'the drive has the size that it says',
    );
    await file.write(written, 0, written.length, 0);
  }
  await mux.toBoard();
  await mux.toBoard();
  t.equal(await mux.side(), 'board');
  await power.on();
  await board.until(maker.started);
  for (const side of ['toRig', 'toBoard'] as const)
    await t.rejects(
      async () => void (await mux[side]()),
      { code: 'storage.board-on' },
      `${side} is refused while the board is on`,
    );
  for (const line of maker.scribble.lines) await board.type(line);
  await board.until(maker.scribble.answer);
  await power.off();
  const again = await mux.toRig();
  {
    await using file = await open(again.path, 'r');
    const { buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    t.same(buffer.subarray(0, 512), Buffer.alloc(512, 0x5a), 'the rig sees what the board wrote');
    t.same(buffer.subarray(512), written.subarray(512), 'and what it wrote itself before');
  }
  await power.on();
  t.equal(await mux.side(), 'rig', 'a board may be on without its medium');
  await power.off();
  const sides = board.eventsOf('mux').map(({ side }) => side);
  t.same(sides.slice(-2), ['board', 'rig'], 'each change of side is told once');
}
