import type { AddTest } from '../../rig/mod.js';
import { type Board, RigError, type TestContext } from '../../rig/mod.js';
import { type Layout, readLayout } from '../board/layout.js';
import { mountAt, mountsCommand, parseMounts } from '../facts/mounts.js';
import { ask, quoted } from '../facts/sections.js';

type Promised = Board['profile']['partitions'][number];

/** What partitioning programs leave free at the end: alignment, and the backup of the partition table. */
const slackBytes = 4 * 1024 * 1024;

export function storageTests(test: AddTest): void {
  test('boots from the expected partition', { tier: 'smoke' }, async (t: TestContext) => {
    const [wanted] = t.board.profile.roots;
    if (wanted === undefined) t.skip('the profile names no root partition');
    const { rootPartition } = await t.step('Find the partition of the root', () => readLayout(t, t.board));
    t.equal(rootPartition.label, wanted, 'the root is on the first root partition of the profile');
  });

  test('the root is read-only and refuses a write', { tier: 'smoke' }, async (t: TestContext) => {
    const name = `.boardrig-${t.random.uuid()}`;
    const attempt = (folder: string) =>
      `f=${quoted(`${folder}/${name}`)}; (echo x >"$f"); code=$?; [ -e "$f" ] && echo created; rm -f "$f" 2>/dev/null; exit $code`;
    const answer = await t.step('Write to the root, and to memory for comparison', () =>
      ask(t.board.shell, { mounts: mountsCommand, root: attempt(''), memory: attempt('/tmp') }),
    );
    const root = mountAt(parseMounts(answer.mounts.text), '/');
    t.require(root, 'a root is mounted');
    t.ok(root.readOnly, 'the root is mounted read-only');
    t.require(
      answer.memory.exitCode === 0 && answer.memory.text.includes('created'),
      'the same write to /tmp succeeds, so that a refusal means something',
    );
    t.not(answer.root.exitCode, 0, 'the write to the root fails');
    t.match(answer.root.text, /read-only file system/i, 'it is refused because the file system is read-only');
    t.notMatch(answer.root.text, /created/, 'no file came to be');
  });

  test('has the promised partitions, types and labels', { tier: 'smoke' }, async (t: TestContext) => {
    const { partitions } = t.board.profile;
    if (partitions.length === 0) t.skip('the profile promises no partitions');
    const layout = await t.step('Read the partition table and the file systems', () =>
      readLayout(t, t.board),
    );
    t.same(
      layout.disk.partitions.map(({ label }) => label).sort(),
      partitions.map(({ label }) => label).sort(),
      'the disk has these partitions and no others',
    );
    for (const promised of partitions)
      await t.step(`Check ${promised.label}`, () => assertPartition(t, layout, promised));
    await t.step('Check where they are mounted', () => assertMounts(t, layout));
  });

  test('the data partition has grown to fill the medium', { tier: 'smoke' }, async (t: TestContext) => {
    const promised = t.board.profile.partitions.find(({ grows }) => grows);
    if (!promised) t.skip('the profile promises no partition that grows');
    const { disk } = await t.step('Measure the medium, its partitions and file systems', () =>
      readLayout(t, t.board),
    );
    const partition = disk.partitions.find(({ label }) => label === promised.label);
    t.require(partition, `there is a partition ${promised.label}`);
    t.measure('medium.size', disk.sizeBytes, 'bytes');
    t.measure(`${promised.label}.size`, partition.sizeBytes, 'bytes');
    assertMediumIsLarger(t.board, disk.sizeBytes);
    const free = disk.sizeBytes - partition.startBytes - partition.sizeBytes;
    t.ok(free >= 0 && free <= slackBytes, `${free} bytes behind the partition are at most ${slackBytes}`);
    const { sizeBytes } = partition.filesystem;
    t.require(sizeBytes, `the file system on ${promised.label} tells its size`);
    // A last block group that is too small for its own tables is left out.
    const lost = partition.sizeBytes - sizeBytes;
    t.ok(lost >= 0 && lost <= slackBytes, `${lost} bytes behind the file system are at most ${slackBytes}`);
  });
}

function assertPartition(t: TestContext, { disk }: Layout, promised: Promised): void {
  const all = disk.partitions.filter(({ label }) => label === promised.label);
  t.equal(all.length, 1, `${promised.label} is there once`);
  const [found] = all;
  if (!found) return;
  t.equal(found.filesystem.type, promised.filesystem, `${promised.label} holds ${promised.filesystem}`);
  t.equal(found.filesystem.label, promised.label, `the file system on ${promised.label} has its label`);
  if (promised.gptType === undefined) return;
  t.ok(disk.hasGpt, `${disk.name} has a GPT`);
  t.equal(found.entry?.type, promised.gptType, `${promised.label} has its partition type in the table`);
  t.equal(found.entry?.name, promised.label, `${promised.label} is called so in the table`);
}

/** Each place of the profile shows a promised partition of its own, writable or not as promised. */
function assertMounts(t: TestContext, { mounts, disk }: Layout): void {
  const seen = new Set<string>();
  for (const point of Object.values(t.board.profile.mounts)) {
    const mount = mountAt(mounts, point);
    const partition = disk.partitions.find(({ device }) => device === mount?.device);
    const promised = t.board.profile.partitions.find(({ label }) => label === partition?.label);
    t.ok(
      promised,
      `${point} shows a promised partition of ${disk.name}, not ${mount?.filesystem ?? 'nothing'}`,
    );
    if (!mount || !promised) continue;
    t.notOk(seen.has(promised.label), `${point} shows a partition that no other place shows`);
    seen.add(promised.label);
    t.equal(mount.filesystem, promised.filesystem, `${point} is mounted as ${promised.filesystem}`);
    t.equal(mount.readOnly, promised.readOnly, `${point} is ${promised.readOnly ? 'read-only' : 'writable'}`);
  }
}

/** Growth shows only on a medium that is larger than the image, and the medium is the rig's choice. */
function assertMediumIsLarger({ image }: Board, mediumBytes: number): void {
  if (image === undefined || mediumBytes > image.sizeBytes + slackBytes) return;
  throw new RigError(
    `Growth cannot be seen: the medium has ${mediumBytes} bytes and the image ${image.sizeBytes}`,
    {
      code: 'suite.medium-too-small',
      blame: 'rig',
      hint: 'Provision a larger medium: a bigger card, or more mediumBytes for a virtual board.',
    },
  );
}
