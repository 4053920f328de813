import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Toolbox } from './toolbox.js';
import type { FileTree, TreeNode } from './tree.js';

/** Stands in for /etc/mke2fs.conf, which differs between hosts. */
const mke2fsConf = `[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 16384
reserved_ratio = 0.0
no_discard = 1
[fs_types]
ext4 = {
  features = has_journal,extent,huge_file,flex_bg,dir_nlink,extra_isize
}
`;

export interface Ext4Options {
  readonly label: string;
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly tree: FileTree;
  /** A file system that is never mounted writable needs none. */
  readonly journal: boolean;
  readonly workDir: string;
  readonly tools: Toolbox;
}

/** A range of blocks that a file system uses, first and last. */
export interface BlockRange {
  readonly first: number;
  readonly last: number;
}

export const ext4BlockBytes = 4096;

/**
 * Makes an ext4 file system in `file`. The files go in one by one through debugfs, in the tree's order and with the
 * tree's properties: `mke2fs -d` takes owners, modes and the order of a folder from this host.
 */
export async function writeExt4(file: string, options: Ext4Options): Promise<void> {
  const { tools, tree, workDir } = options;
  await writeFile(join(workDir, 'mke2fs.conf'), mke2fsConf);
  await tools.run('mke2fs', [
    ...['-q', '-F', '-t', 'ext4', '-L', options.label, '-U', options.uuid],
    ...['-O', options.journal ? 'has_journal' : '^has_journal,^resize_inode'],
    ...['-E', `hash_seed=${options.uuid},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0`],
    file,
    `${options.sizeBytes / 1024}k`,
  ]);
  const script = join(workDir, `${options.label}.debugfs`);
  const lines: string[] = [];
  for (const [index, [path, node]] of tree.entries().entries()) {
    if (node.kind === 'file' && 'data' in node.content) {
      const source = join(workDir, `${options.label}.${index}`);
      await writeFile(source, node.content.data);
      lines.push(...debugfsLines(path, node, source));
    } else {
      lines.push(
        ...debugfsLines(path, node, node.kind === 'file' && 'from' in node.content ? node.content.from : ''),
      );
    }
  }
  await writeFile(script, `${lines.join('\n')}\n`);
  const { stderr } = await tools.run('debugfs', ['-w', '-f', script, file], { captureBytes: 1024 });
  // debugfs goes on after a command that failed, and ends with 0.
  const complaint = stderr.split('\n').find((line) => line !== '' && !line.startsWith('debugfs '));
  if (complaint !== undefined) throw new Error(`debugfs cannot fill ${options.label}: ${complaint}`);
}

function debugfsLines(path: string, node: TreeNode, source: string): string[] {
  const cut = path.lastIndexOf('/');
  const name = path.slice(cut + 1);
  const place = [`cd "/${path.slice(0, Math.max(cut, 0))}"`];
  switch (node.kind) {
    case 'directory':
      return [
        ...(path === 'lost+found' ? [] : [...place, `mkdir "${name}"`]),
        `sif "/${path}" mode 0${(0o040000 | node.mode).toString(8)}`,
      ];
    case 'file':
      return [
        ...place,
        `write "${source}" "${name}"`,
        `sif "/${path}" mode 0${(0o100000 | node.mode).toString(8)}`,
      ];
    case 'link':
      return [...place, `symlink "${name}" "${node.target}"`];
  }
}

/** The blocks that the file system in `file` uses, ones full of zeros too. */
export async function usedExt4Blocks(file: string, tools: Toolbox): Promise<BlockRange[]> {
  const { stdout } = await tools.run('dumpe2fs', [file], { captureBytes: 4 * 1024 * 1024 });
  const count = Number(/^Block count: +(\d+)/m.exec(stdout)?.[1]);
  const free = [...stdout.matchAll(/^ {2}Free blocks: (.+)$/gm)]
    .flatMap(([, list = '']) => list.split(', '))
    .map((range) => range.split('-').map(Number))
    .map(([first = 0, last = first]) => ({ first, last }));
  const used: BlockRange[] = [];
  let next = 0;
  for (const range of [...free, { first: count, last: count }]) {
    if (range.first > next) used.push({ first: next, last: range.first - 1 });
    next = range.last + 1;
  }
  return used;
}
