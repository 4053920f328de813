import type { TestContext } from '../../rig/mod.js';
import { quoted } from '../facts/sections.js';

const sums = '.sums';

/** Files with random content on the partitions that an update must not touch, and their sums. */
export class KeptFiles {
  readonly #folders: readonly string[];

  constructor({ board, random }: TestContext) {
    const { state, data } = board.profile.mounts;
    const name = `.boardrig-${random.uuid()}`;
    this.#folders = [...new Set([state, data])].map((mount) => `${mount}/${name}`);
  }

  /** A small file, one of some blocks, an empty one, one with a name that needs care. */
  async write(t: TestContext): Promise<void> {
    await t.board.shell.text(
      this.#each(
        `mkdir "$d" && cd "$d" && mkdir volume && echo small >small && : >empty && head -c 300000 /dev/urandom >volume/blocks && head -c 5000 /dev/urandom >'a name' && find . -type f ! -name '${sums}*' -exec sha256sum {} + | sort -k2 >${sums}.new && mv ${sums}.new ${sums}`,
      ),
    );
    await t.board.shell.text('sync');
  }

  async assertKept(t: TestContext): Promise<void> {
    for (const folder of this.#folders) {
      const { stdout, exitCode } = await t.board.shell.run(
        `cd ${quoted(folder)} && find . -type f ! -name '${sums}*' -exec sha256sum {} + | sort -k2 | diff ${sums} - && wc -l <${sums}`,
      );
      t.equal(exitCode, 0, `every file in ${folder} is there with its content`);
      t.equal(stdout.trim(), '4', 'and none is more or less');
    }
  }

  #each(command: string): string {
    return `for d in ${this.#folders.map(quoted).join(' ')}; do ( ${command} ) || exit 1; done`;
  }
}
