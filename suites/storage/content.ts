import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { AddTest, TestContext } from '../../rig/mod.js';
import { readLayout } from '../board/layout.js';
import { parseGpt } from '../facts/gpt.js';
import { quoted } from '../facts/sections.js';

const blockBytes = 512;
const headBytes = 64 * 1024;
/** An emulated processor hashes some ten megabytes in a second. */
const hashMs = 300_000;

export function contentTests(test: AddTest): void {
  test("the root's bytes are those of the image", {
    tier: 'nightly',
    deadlineMs: hashMs + 60_000,
  }, async (t: TestContext) => {
    const { image } = t.board;
    if (!image) t.skip('nobody knows which image is on the medium');
    const { rootPartition } = await t.step('Find the root', () => readLayout(t, t.board));
    const { name, label, sizeBytes } = rootPartition;
    const [wanted, answer] = await t.step('Calculate the sums of both', () =>
      Promise.all([
        t.host.observe(`${label} in the image`, () => readFromImage(image.path, label)),
        t.board.shell.text(`sha256sum ${quoted(`/dev/${name}`)}`, { timeoutMs: hashMs }),
      ]),
    );
    if (!wanted) t.skip(`the image has no partition table with ${label} that can be read`);
    t.equal(sizeBytes, wanted.sizeBytes, 'the partition has the size that it has in the image');
    t.match(answer, /^[0-9a-f]{64} /, 'the board gives a sum');
    t.equal(answer.split(' ')[0], wanted.sha256, 'nothing on the root was written since it was built');
  });
}

async function readFromImage(
  path: string,
  label: string,
): Promise<{ sizeBytes: number; sha256: string } | undefined> {
  const range = await rangeInImage(path, label);
  return range && { sizeBytes: range.end - range.start, sha256: await sumOf(path, range) };
}

/** Where a partition begins and ends in a disk image, in bytes. */
async function rangeInImage(
  path: string,
  label: string,
): Promise<{ start: number; end: number } | undefined> {
  await using file = await open(path, 'r');
  const head = Buffer.alloc(headBytes);
  await file.read(head, 0, headBytes, blockBytes);
  const entry = parseGpt(head, blockBytes)?.find(({ name }) => name === label);
  return entry && { start: entry.firstBlock * blockBytes, end: (entry.lastBlock + 1) * blockBytes };
}

async function sumOf(path: string, { start, end }: { start: number; end: number }): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { start, end: end - 1, highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
