import { join, relative } from 'node:path';
import { guestFolder } from '../guest-files.js';
import { filesBelow } from '../packages.js';
import type { FileTree } from '../tree.js';

/** What of an image decides which files of ours it gets. */
interface Choice {
  readonly variant: 'dev' | 'prod';
  readonly withEngine: boolean;
}

/** The folders of `guest/full` that go into an image. None of dev alone: what dev has more, it only enables. */
function overlaysOf({ variant, withEngine }: Choice): readonly string[] {
  return [
    'root',
    ...(variant === 'prod' ? ['prod'] : []),
    ...(withEngine ? ['engine'] : []),
    ...(withEngine && variant === 'dev' ? ['engine-dev'] : []),
  ];
}

/** Adds what is ours, each file where it lies below its folder of `guest/full`; what lies among programs is one. */
export async function addOverlays(tree: FileTree, choice: Choice): Promise<void> {
  for (const name of overlaysOf(choice)) {
    const folder = join(guestFolder, 'full', name);
    for (const file of await filesBelow(folder)) {
      const path = relative(folder, file);
      const isProgram = /^usr\/(s?bin|lib\/boardrig)\//.test(path) && !path.endsWith('.jq');
      tree.file(path, { from: file }, { mode: isProgram ? 0o755 : 0o644 });
    }
  }
}
