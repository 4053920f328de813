/** A file's bytes: in memory, or a file of this host that is copied. */
export type FileContent = { readonly data: Uint8Array } | { readonly from: string };

export type TreeNode =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'file'; readonly mode: number; readonly content: FileContent }
  | { readonly kind: 'link'; readonly target: string };

/**
 * The files of a file system to be, with every property spelt out: nothing of this host's users, umask, times or
 * directory order can reach an image. All belong to root.
 */
export class FileTree {
  readonly #nodes = new Map<string, TreeNode>();

  /** Makes the directory and those above it. */
  directory(path: string, { mode = 0o755 }: { readonly mode?: number } = {}): this {
    this.#parents(path);
    this.#nodes.set(path, { kind: 'directory', mode });
    return this;
  }

  file(path: string, content: FileContent | string, { mode = 0o644 }: { readonly mode?: number } = {}): this {
    this.#parents(path);
    this.#nodes.set(path, {
      kind: 'file',
      mode,
      content: typeof content === 'string' ? { data: Buffer.from(content) } : content,
    });
    return this;
  }

  link(path: string, target: string): this {
    this.#parents(path);
    this.#nodes.set(path, { kind: 'link', target });
    return this;
  }

  has(path: string): boolean {
    return this.#nodes.has(path);
  }

  /** Every node with its path from the root, without a leading slash; a directory comes before what it holds. */
  entries(): readonly (readonly [path: string, node: TreeNode])[] {
    return [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #parents(path: string): void {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/');
      if (!this.#nodes.has(parent)) this.#nodes.set(parent, { kind: 'directory', mode: 0o755 });
    }
  }
}
