import { randomUUID } from 'node:crypto';
import { appendFile, writeFile } from 'node:fs/promises';
import { githubAnnotations } from '../../reports/github/annotations.js';
import type { Digest } from '../../reports/github/digest.js';
import { markdownSummary } from '../../reports/github/summary.js';
import type { CommandIo } from './command.js';

/** What a command tells GitHub Actions, where it runs there, and whom it tells elsewhere. */
export class CiSummary implements Disposable {
  readonly #io: CommandIo;
  /** Nobody who prints on a board knows it. */
  readonly #token = randomUUID();
  readonly #onGithub: boolean;
  #annotations: string | undefined;

  /** From now on nothing that a board says is taken for a workflow command. */
  constructor(io: CommandIo) {
    this.#io = io;
    this.#onGithub = io.env.GITHUB_ACTIONS === 'true';
    if (this.#onGithub) io.out(`::stop-commands::${this.#token}\n`);
  }

  /** @param file gets the Markdown summary too */
  async tell(digest: Digest, file: string | undefined): Promise<void> {
    const summary = markdownSummary(digest);
    if (file !== undefined) await writeFile(file, summary);
    if (!this.#onGithub) return;
    const own = this.#io.env.GITHUB_STEP_SUMMARY;
    if (own) await appendFile(own, summary);
    this.#annotations = githubAnnotations(digest);
  }

  /** Last of all, since what is printed before may come from a board. Where nothing was told commands stay stopped. */
  [Symbol.dispose](): void {
    if (this.#annotations !== undefined) this.#io.out(`::${this.#token}::\n${this.#annotations}`);
  }
}
