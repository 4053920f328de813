import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { healthGraceSeconds, sourceDateEpoch, type TinyBoard } from './board.js';
import { triplets } from './boot-kinds.js';
import { kernelName } from './bootloader.js';
import { busyboxApplets } from './busybox.js';
import { readElfNeeds } from './elf.js';
import { guestFile } from './guest-files.js';
import { deviceTreeFile, type Kernel, missingLibrary } from './kernel.js';
import { modulesInOrder } from './kernel-modules.js';
import { osRelease } from './os-release.js';
import { FileTree } from './tree.js';
import { addHealthFiles, addUpdateFiles } from './update-files.js';

export interface RootOptions {
  readonly request: BuildRequest;
  readonly board: TinyBoard;
  /** The unpacked packages. */
  readonly packages: string;
  readonly kernel: Kernel;
  readonly initrd: Uint8Array;
  readonly authorizedKey: string;
  /** The certificate that signed bundles are checked against, PEM. */
  readonly certificate: string;
  /** What names the inputs of this build in os-release. */
  readonly revision: string;
}

const scripts = 'usr/lib/boardrig';

/** Programs that lie elsewhere than in their packages, since a script takes their place. */
const moved: Readonly<Record<string, string>> = {
  'usr/bin/rauc': 'usr/libexec/rauc',
  'usr/bin/grub-editenv': 'usr/libexec/grub-editenv',
};

/** The read-only root file system. */
export async function rootTree(options: RootOptions): Promise<FileTree> {
  const { board, packages } = options;
  const tree = new FileTree();
  for (const path of ['dev', 'proc', 'sys', 'run', 'var', 'mnt/boot', 'mnt/state', 'mnt/data', 'bin', 'sbin'])
    tree.directory(path);
  tree.directory('tmp', { mode: 0o1777 }).directory('root', { mode: 0o700 });
  await addPrograms(tree, { packages, board });
  await addModules(tree, options);
  await addScripts(tree, board);
  await addHealthFiles(tree);
  if (board.boot.kind !== 'firmware-files') {
    await addUpdateFiles(tree, { ...options, boot: board.boot });
    await addKernel(tree, options);
  }
  addSettings(tree, options);
  return tree;
}

/** What the bootloader takes from the slot. */
async function addKernel(
  tree: FileTree,
  { board: { boot }, kernel, initrd, packages }: RootOptions,
): Promise<void> {
  tree.file('boot/initrd', { data: initrd });
  tree.file(`boot/${kernelName(boot)}`, { from: kernel.image });
  if (boot.kind === 'u-boot' && boot.deviceTree !== undefined)
    tree.file('boot/board.dtb', { from: await deviceTreeFile(packages, boot.deviceTree) });
}

/** The programs with the libraries that they, and these in turn, ask for; busybox is everything else. */
async function addPrograms(
  tree: FileTree,
  { packages, board }: { packages: string; board: TinyBoard },
): Promise<void> {
  const triplet = triplets[board.arch];
  const folders = [`lib/${triplet}`, `usr/lib/${triplet}`, 'lib', 'lib64'];
  const find = (name: string): string | undefined =>
    folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(join(packages, path)));
  const add = async (path: string, source: string): Promise<void> => {
    if (tree.has(path)) return;
    tree.file(path, { from: await realpath(source) }, { mode: 0o755 });
    const needs = readElfNeeds(await readFile(source));
    if (needs?.interpreter) {
      const loader = needs.interpreter.slice(1);
      await add(loader, join(packages, find(basename(loader)) ?? loader));
    }
    for (const name of needs?.libraries ?? []) {
      const found = find(name);
      if (found === undefined) throw missingLibrary(name, path);
      await add(found, join(packages, found));
    }
  };
  for (const program of board.programs) {
    if (!existsSync(join(packages, program))) throw missingLibrary(program, "Debian's packages");
    await add(moved[program] ?? program, join(packages, program));
  }
  const busybox = join(packages, 'bin/busybox');
  tree.file('bin/busybox', { from: busybox }, { mode: 0o755 });
  const taken = new Set(board.programs.map((path) => basename(path)));
  const administrative = new Set(['getty', 'init', 'reboot', 'poweroff', 'halt', 'login']);
  for (const applet of busyboxApplets(await readFile(busybox))) {
    if (taken.has(applet) || applet === 'busybox') continue;
    if (applet !== 'init') tree.link(`bin/${applet}`, 'busybox');
    if (administrative.has(applet) && applet !== 'init') tree.link(`sbin/${applet}`, '../bin/busybox');
  }
}

async function addModules(tree: FileTree, { board, kernel }: RootOptions): Promise<void> {
  const early = await modulesInOrder(board.initrdModules, kernel);
  const all = await modulesInOrder(board.rootModules, kernel);
  const files = all.filter((file) => !early.includes(file));
  for (const file of files) tree.file(`lib/modules/boot/${basename(file)}`, { from: file });
  tree.file('lib/modules/boot/order', files.map((file) => `${basename(file)}\n`).join(''));
}

async function addScripts(tree: FileTree, { powerButton }: TinyBoard): Promise<void> {
  const script = async (path: string, source: string): Promise<void> => {
    tree.file(path, await guestFile(source), { mode: 0o755 });
  };
  await script('sbin/init', 'init.sh');
  for (const name of ['boot', 'identity', 'network', 'dhcp', 'grow', 'shutdown'])
    await script(`${scripts}/${name}.sh`, `${name}.sh`);
  if (powerButton) await script(`${scripts}/power-button.sh`, `power-button-${powerButton}.sh`);
  tree.file(`${scripts}/common.sh`, await guestFile('common.sh'));
  tree.file(`${scripts}/json.awk`, await guestFile('json.awk'));
  if (powerButton === 'acpi')
    tree.file('etc/acpi/PWRF/00000080', '#!/bin/sh\nexec poweroff\n', { mode: 0o755 });
}

function addSettings(tree: FileTree, { request, board, authorizedKey, revision }: RootOptions): void {
  const dev = request.variant === 'dev';
  tree.file(
    'etc/os-release',
    osRelease(request, { slug: board.slug, revision, updates: board.boot.kind !== 'firmware-files' }),
  );
  tree.file(
    'etc/boardrig/image.conf',
    `BUILD_EPOCH=${sourceDateEpoch}\nDROPBEAR_OPTIONS='${dev ? '-B' : '-s'}'\nHEALTH_GRACE=${healthGraceSeconds}\nLINK=${board.link}\n`,
  );
  tree.file('etc/boardrig/authorized_keys', `${authorizedKey}\n`);
  const getty = `${board.console}::respawn:/sbin/getty -L 115200 ${board.console} vt100\n`;
  tree.file(
    'etc/inittab',
    [
      `::sysinit:/${scripts}/boot.sh\n`,
      dev ? getty : '',
      '::ctrlaltdel:/sbin/reboot\n',
      `::shutdown:/${scripts}/shutdown.sh\n`,
    ].join(''),
  );
  tree.file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  tree.file('etc/group', 'root:x:0:\n');
  tree.file('etc/shadow', `root:${dev ? '' : '*'}:19000:0:99999:7:::\n`, { mode: 0o600 });
  tree.file('etc/shells', '/bin/sh\n');
  tree.file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n');
  tree.file('etc/issue', `boardrig ${request.version} ${request.variant}\n`);
  tree.file('etc/profile', "export PATH=/bin:/sbin:/usr/bin:/usr/sbin\nPS1='root@\\h:\\w# '\n");
  tree.link('etc/hostname', '/run/hostname');
  tree.link('etc/hosts', '/run/hosts');
  tree.link('etc/machine-id', '/mnt/state/machine-id');
  tree.link('etc/mtab', '/proc/self/mounts');
  tree.link('etc/resolv.conf', '/run/resolv.conf');
  tree.link('root/.ssh', '/run/ssh');
}
