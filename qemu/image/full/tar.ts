import { sourceDateEpoch } from '../board.js';
import type { FileTree, TreeNode } from '../tree.js';

const blockBytes = 512;
const typeFlags = { file: '0', link: '2', directory: '5' } as const;

/** `tree`, whose files must be in memory, as a POSIX tar archive (IEEE 1003.1, ustar) that belongs to root. */
export function writeTar(tree: FileTree): Buffer {
  const parts: Buffer[] = [];
  for (const [path, node] of tree.entries()) {
    const body = bodyOf(node);
    parts.push(header(path, node, body.length), body, Buffer.alloc(-body.length & (blockBytes - 1)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

function bodyOf(node: TreeNode): Buffer {
  if (node.kind !== 'file') return Buffer.alloc(0);
  if (!('data' in node.content)) throw new Error('a tar archive is made of files in memory');
  return Buffer.from(node.content.data);
}

function header(path: string, node: TreeNode, sizeBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const name = node.kind === 'directory' ? `${path}/` : path;
  if (Buffer.byteLength(name) > 100) throw new Error(`a tar archive takes no name as long as ${name}`);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  block.write(name, 0);
  octal(node.kind === 'link' ? 0o777 : node.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(sourceDateEpoch, 136, 12);
  block.write('        ', 148);
  block.write(typeFlags[node.kind], 156);
  if (node.kind === 'link') block.write(node.target, 157);
  block.write('ustar\0' + '00', 257, 'latin1');
  block.write('root', 265);
  block.write('root', 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
