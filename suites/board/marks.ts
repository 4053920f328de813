import type { Shell, TestContext } from '../../rig/mod.js';
import { type Mount, mountAt, mountsCommand, parseMounts } from '../facts/mounts.js';
import { ask, quoted } from '../facts/sections.js';

/** Files with content that nobody else can have written, one in each of some folders. */
export class Marks {
  readonly #file: string;
  readonly #content: string;
  readonly #folders: readonly string[];

  constructor({ random }: TestContext, folders: readonly string[]) {
    this.#file = `.boardrig-${random.uuid()}`;
    this.#content = random.uuid();
    this.#folders = folders;
  }

  /** Writes every mark and shows that each can be read back; ends the test where one cannot. */
  async write(t: TestContext, shell: Shell): Promise<void> {
    const files = this.#folders.map((folder) => quoted(`${folder}/${this.#file}`)).join(' ');
    // A run with the same seed may have left its own: then nothing would show that this one was written.
    const { stdout } = await shell.run(
      `for f in ${files}; do [ -e "$f" ] && echo "old: $f"; echo ${this.#content} >"$f"; done`,
    );
    t.notMatch(stdout, /^old: /m, 'no mark was there before');
    const { present } = await this.read(shell);
    t.same(present, this.#folders, 'every mark can be read back');
    t.require(present.length === this.#folders.length, 'there is something to lose or to keep');
  }

  /** The folders whose mark is there, with its content; and what is mounted. */
  async read(shell: Shell): Promise<{ present: readonly string[]; mounts: readonly Mount[] }> {
    const commands = Object.fromEntries(
      this.#folders.map((folder, index) => [`mark${index}`, `cat ${quoted(`${folder}/${this.#file}`)}`]),
    );
    const answer = await ask<string>(shell, { mounts: mountsCommand, ...commands });
    return {
      mounts: parseMounts(answer.mounts?.text ?? ''),
      present: this.#folders.filter((_, index) => {
        const section = answer[`mark${index}`];
        return section?.exitCode === 0 && section.text.trim() === this.#content;
      }),
    };
  }

  async remove(shell: Shell): Promise<void> {
    const files = this.#folders.map((folder) => quoted(`${folder}/${this.#file}`)).join(' ');
    await shell.text(`rm -f ${files}; sync`);
  }
}

/** What kind of file system a folder is on. */
export function filesystemOf(mounts: readonly Mount[], folder: string): string | undefined {
  const parts = folder.split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const mount = mountAt(mounts, parts.slice(0, length).join('/') || '/');
    if (mount) return mount.filesystem;
  }
  return undefined;
}
