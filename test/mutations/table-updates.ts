import type { ImageCopy } from './image-copy.js';
import type { Mutation } from './mutation.js';

const test = {
  kept: 'rollback/an update comes up and keeps state and data; the next one cannot, and the board returns',
  otherProduct: 'rollback/an update for another product is refused, and the system is as it was',
  otherSlot: 'rollback/an update is written to the other slot, and nothing to the one that runs',
  killed:
    'rollback/an update that is killed while it writes leaves the old system running, and the next one succeeds',
  noInit: 'rollback/the board returns from an update without an init',
} as const;

/** One test of the suite, on a copy that the rig makes updates of. */
const alone = (name: string): Pick<Mutation, 'suites' | 'select'> => ({
  suites: ['rollback'],
  select: { tier: 'nightly', only: new RegExp(`^${name}$`) },
});

/** Changes what `rauc` does on the board that is to be updated; the updates are of the image as it is built. */
async function changeRauc(image: ImageCopy, script: string): Promise<void> {
  await image.editRoot('/usr/bin/rauc', 'exec /usr/libexec/rauc "$@"', script);
  await image.describe();
}

export const updateMutations: readonly Mutation[] = [
  {
    name: 'update-of-others',
    breaks: 'an update is taken whatever product it is for',
    ...alone(test.otherProduct),
    apply: (image) =>
      changeRauc(
        image,
        'any=\n[ "$1" != install ] || any=--ignore-compatible\nexec /usr/libexec/rauc "$@" $any',
      ),
    fails: { [test.otherProduct]: /the product refuses it/ },
  },
  {
    name: 'update-cleans-up',
    breaks: 'an update removes the files of others from the data partition',
    ...alone(test.kept),
    apply: (image) =>
      changeRauc(
        image,
        '/usr/libexec/rauc "$@"\ncode=$?\n[ "$1" != install ] || rm -rf /mnt/data/.boardrig-[0-9a-f]*\nexit $code',
      ),
    fails: { [test.kept]: /^Compare the files: .*every file in \/mnt\/data\S* is there/ },
  },
  {
    name: 'update-notes-in-root',
    breaks: 'an update leaves a note in the slot that runs',
    ...alone(test.otherSlot),
    apply: (image) =>
      changeRauc(
        image,
        '/usr/libexec/rauc "$@"\ncode=$?\n[ "$1" != install ] || echo note | dd of="$(part_of_label resin-root"$(cat /run/slot)")" bs=1 conv=notrunc 2>/dev/null\nexit $code',
      ),
    fails: { [test.otherSlot]: /slot A, which ran, is as it was built/ },
  },
  {
    name: 'update-stale-lock',
    breaks: 'an update that was killed leaves a lock, which the next one respects',
    ...alone(test.killed),
    apply: (image) =>
      changeRauc(
        image,
        '[ "$1" = install ] || exec /usr/libexec/rauc "$@"\n[ ! -e /mnt/state/updating ] || exit 1\ntouch /mnt/state/updating\n/usr/libexec/rauc "$@"\ncode=$?\nrm /mnt/state/updating\nexit $code',
      ),
    fails: { [test.killed]: /^Install it: .* did not install the bundle \(exit code 1\)/ },
  },
  {
    name: 'update-no-count',
    breaks: 'the bootloader counts no tries',
    ...alone(test.noInit),
    apply: async (image) => {
      await image.editBootScript(' - 1; setenv BOOT_', ' - 0; setenv BOOT_');
      await image.describe();
    },
    fails: {
      [test.noInit]: /^Reboot into it, and wait for the old system: .* came up in no slot that is good/,
    },
  },
];
