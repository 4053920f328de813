import { readFile } from 'node:fs/promises';
import type { FileTree, TreeNode } from './tree.js';

const typeBits = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

/** `tree` as a "newc" archive (kernel: Documentation/driver-api/early-userspace/buffer-format.rst), times zero. */
export async function writeCpio(tree: FileTree): Promise<Buffer> {
  const parts: Buffer[] = [];
  let inode = 1;
  for (const [path, node] of tree.entries()) {
    const body = await bodyOf(node);
    const mode = typeBits[node.kind] | (node.kind === 'link' ? 0o777 : node.mode);
    parts.push(entry(path, { inode: inode++, mode, links: node.kind === 'directory' ? 2 : 1, body }));
  }
  parts.push(entry('TRAILER!!!', { inode: 0, mode: 0, links: 1, body: Buffer.alloc(0) }));
  return Buffer.concat(parts);
}

async function bodyOf(node: TreeNode): Promise<Buffer> {
  if (node.kind === 'directory') return Buffer.alloc(0);
  if (node.kind === 'link') return Buffer.from(node.target);
  return 'data' in node.content ? Buffer.from(node.content.data) : await readFile(node.content.from);
}

function entry(
  path: string,
  { inode, mode, links, body }: { inode: number; mode: number; links: number; body: Buffer },
): Buffer {
  const name = Buffer.from(`${path}\0`);
  const owner = 0;
  const time = 0;
  const device = 0;
  const checksum = 0;
  const fields = [inode, mode, owner, owner, links, time, body.length, device, device, device, device];
  const header = [...fields, name.length, checksum].map((field) => field.toString(16).padStart(8, '0'));
  return Buffer.concat([
    padded(Buffer.concat([Buffer.from(`070701${header.join('')}`), name])),
    padded(body),
  ]);
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
