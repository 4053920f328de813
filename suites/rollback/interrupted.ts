import type { AddTest, Bundle, TestContext } from '../../rig/mod.js';
import { cutLink, restoreLink } from '../board/cable.js';
import { failureOf } from '../board/failure.js';
import { readLayout } from '../board/layout.js';
import { quoted } from '../facts/sections.js';
import { assertOldSystem, comesUp, install } from './came-up.js';
import { otherSlots } from './slots-on-medium.js';
import { bundleOf, type Start, start } from './start.js';

/** So much of the other slot is on the medium when the installation is killed, in sectors of 512 bytes. */
const writtenSectors = 2_000;
const leftKib = 512;

export function interruptedTests(test: AddTest): void {
  const interrupted = (
    name: string,
    options: { readonly needs?: readonly 'link'[]; readonly tier?: 'nightly' },
    interrupt: (t: TestContext, bundle: Bundle, from: Start) => Promise<void>,
  ): void =>
    test(`${name} leaves the old system running, and the next one succeeds`, {
      dirties: 'disk',
      deadlineMs: 600_000,
      ...options,
    }, async (t: TestContext) => {
      const old = await start(t);
      const update = await bundleOf(t);
      await interrupt(t, update, old);
      await assertOldSystem(t, old);
      await t.step('Reboot', () => t.board.update.settle());
      await assertOldSystem(t, old);
      await install(t, update, old);
      await comesUp(t, update, old);
    });

  interrupted('an update that is killed while it writes', {}, async (t, bundle, from) => {
    const device = await otherDevice(t, from);
    await t.step('Kill it when a part is written', async () => {
      const [failure] = await Promise.all([
        failureOf(() => t.board.update.install(bundle)),
        killOnceWritten(t, device),
      ]);
      t.equal(failure?.code, 'update.not-installed', 'it does not pass for installed');
    });
  });

  interrupted(
    'an update whose network goes half-way',
    { needs: ['link'], tier: 'nightly' },
    async (t, bundle) => {
      await t.step('Cut the network when half of it is there', async () => {
        let cut = false;
        const failure = await failureOf(() =>
          t.board.update.install(bundle, {
            halfway: async (rest) => {
              cut = true;
              await cutLink(t, t.board);
              rest.drop();
              await restoreLink(t, t.board);
            },
          }),
        );
        t.ok(cut, 'half of it was there');
        t.equal(failure?.code, 'update.not-installed', 'it does not pass for installed');
      });
    },
  );

  interrupted('an update for which the disk is full', { tier: 'nightly' }, async (t, bundle, { promise }) => {
    const folder = promise.fetch?.folder ?? t.board.profile.mounts.data;
    const filler = quoted(`${folder}/.boardrig-filler`);
    await t.step('Fill the disk', () =>
      t.board.shell.text(
        `free=$(df -Pk ${quoted(folder)} | while read -r _ _ _ k _; do echo "$k"; done | tail -n 1); fallocate -l "$((free - ${leftKib}))k" ${filler} || dd if=/dev/zero of=${filler} bs=1024k; sync`,
        { timeoutMs: 120_000 },
      ),
    );
    const failure = await t.step('Try to install it', () => failureOf(() => t.board.update.install(bundle)));
    t.equal(failure?.code, 'update.not-installed', 'it does not pass for installed');
    await t.step('Make room', () => t.board.shell.text(`rm -f ${filler}; sync`));
  });
}

/** Kernel name of a slot that the board does not run from. */
async function otherDevice(t: TestContext, from: Start): Promise<string> {
  const { disk } = await readLayout(t, t.board);
  const labels = otherSlots(from).map((name) => from.promise.slots[name]);
  const partition = disk.partitions.find(({ label }) => labels.includes(label));
  t.require(partition, `one of the partitions ${labels.join(', ')} is there`);
  return partition.name;
}

/** The kernel counts what it wrote to each partition (Linux, Documentation/block/stat.rst, "write sectors"). */
async function killOnceWritten(t: TestContext, device: string): Promise<void> {
  const written = `{ read -r _ _ _ _ _ _ now _ </sys/class/block/${device}/stat; }`;
  await t.board.shell.text(
    `${written}; before=$now; until [ $((now - before)) -gt ${writtenSectors} ]; do sleep 0.1; ${written}; done`,
    { timeoutMs: 180_000 },
  );
  await t.board.update.kill();
}
