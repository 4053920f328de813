import { type AddTest, type Bundle, RigError, type TestContext } from '../../rig/mod.js';
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
      await install(t, update);
      await comesUp(t, update, old);
    });

  interrupted('an update that is killed while it writes', {}, async (t, bundle, from) => {
    const device = await otherDevice(t, from);
    await t.step('Kill it when a part is written', async () => {
      const done = new AbortController();
      const [failure, killed] = await Promise.all([
        failureOf(() => t.board.update.install(bundle)).finally(() => done.abort(overAlready())),
        killOnceWritten(t, { device, signal: done.signal }),
      ]);
      t.ok(killed, 'it was killed before it was over');
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

/**
 * The kernel counts what it wrote to each partition (Linux, Documentation/block/stat.rst, "write sectors").
 *
 * @returns false when the installation was over first
 */
async function killOnceWritten(
  { board }: TestContext,
  { device, signal }: { readonly device: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const written = `{ read -r _ _ _ _ _ _ now _ </sys/class/block/${device}/stat; }`;
  const begun = `${written}; before=$now; looks=0; until [ $((now - before)) -gt ${writtenSectors} ] || [ $looks -gt 1000 ]; do sleep 0.1; looks=$((looks + 1)); ${written}; done`;
  const over = await failureOf(async () => {
    await board.shell.text(begun, { timeoutMs: 180_000, signal });
    signal.throwIfAborted();
    await board.update.kill();
  });
  if (over && over.code !== overCode) throw over;
  return over === undefined;
}

const overCode = 'rollback.installed-already';

function overAlready(): RigError {
  return new RigError('The installation was over before it could be killed', {
    code: overCode,
    blame: 'suite',
    hint: 'Kill it earlier, or give it more to write.',
  });
}
