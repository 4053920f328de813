import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sourceDateEpoch } from '../board.js';
import { busyboxApplets } from '../busybox.js';
import { guestFile } from '../guest-files.js';
import type { Kernel } from '../kernel.js';
import { osRelease } from '../os-release.js';
import type { Ingredients } from '../recipe.js';
import { FileTree } from '../tree.js';
import { containerImage } from './container-image.js';
import { addModules } from './modules.js';
import { addOverlays } from './overlays.js';
import { addPackageFiles, checkLibraries } from './package-files.js';
import { enableUnits } from './units.js';
import { addUpdate, healthGraceSeconds } from './update.js';
import { accountFiles } from './users.js';

export interface FullRootOptions extends Ingredients {
  readonly kernel: Kernel;
  readonly initrd: Uint8Array;
  readonly slug: string;
  readonly withEngine: boolean;
}

/** Where something is mounted or bound, or may be put by whoever makes an image of their own. */
const emptyFolders = [
  ...['dev', 'proc', 'sys', 'run', 'var', 'home', 'media', 'opt', 'srv'],
  ...['mnt/boot', 'mnt/state', 'mnt/data'],
  ...['etc/NetworkManager/system-connections', 'etc/dnsmasq.d', 'etc/dropbear', 'etc/openvpn'],
];

/** The read-only root of the full flavour. */
export async function fullRoot(options: FullRootOptions): Promise<FileTree> {
  const { request, kernel, initrd, withEngine } = options;
  const tree = new FileTree();
  await addPackageFiles(tree, options);
  await addApplets(tree, options);
  await addModules(tree, options);
  for (const path of emptyFolders) tree.directory(path);
  tree.directory('tmp', { mode: 0o1777 }).directory('root', { mode: 0o700 });
  await addOverlays(tree, { variant: request.variant, withEngine });
  if (withEngine) await addEngine(tree, options);
  addAlternatives(tree, options);
  for (const name of ['common.sh', 'grow.sh']) tree.file(`usr/lib/boardrig/${name}`, await guestFile(name));
  addSettings(tree, options);
  await addUpdate(tree, options);
  enableUnits(tree, { variant: request.variant, withEngine });
  tree.file('boot/vmlinuz', { from: kernel.image }).file('boot/initrd', { data: initrd });
  await checkLibraries(tree);
  return tree;
}

/** busybox stands in for every program that no package brings. */
async function addApplets(tree: FileTree, { packages }: FullRootOptions): Promise<void> {
  const present = (name: string): boolean =>
    ['usr/bin', 'usr/sbin'].some((folder) => tree.has(`${folder}/${name}`));
  for (const applet of busyboxApplets(await readFile(join(packages, 'bin/busybox'))))
    if (!present(applet) && !['init', 'linuxrc', 'dpkg', 'dpkg-deb', 'rpm'].includes(applet))
      tree.link(`usr/bin/${applet}`, 'busybox');
}

async function addEngine(tree: FileTree, { packages, request }: FullRootOptions): Promise<void> {
  const busybox = await readFile(join(packages, 'bin/busybox'));
  tree.file('usr/share/boardrig/container-image.tar', {
    data: containerImage({ busybox, version: request.version }),
  });
}

/** What Debian's alternatives system would link. */
function addAlternatives(tree: FileTree, { withEngine }: FullRootOptions): void {
  // Debian's kernel trusts the database that Debian signed (wireless-regdb, README.Debian).
  for (const name of ['regulatory.db', 'regulatory.db.p7s'])
    tree.link(`usr/lib/firmware/${name}`, `${name}-debian`);
  if (!withEngine) return;
  for (const name of ['iptables', 'ip6tables'])
    for (const tool of [name, `${name}-save`, `${name}-restore`])
      tree.link(`usr/sbin/${tool}`, 'xtables-nft-multi');
}

function addSettings(tree: FileTree, { request, slug, authorizedKey, revision }: FullRootOptions): void {
  const dev = request.variant === 'dev';
  tree.file('etc/os-release', osRelease(request, { slug, revision }));
  tree.file(
    'etc/boardrig/image.conf',
    `BUILD_EPOCH=${sourceDateEpoch}\nDROPBEAR_OPTIONS='${dev ? '-B' : '-s'}'\nHEALTH_GRACE=${healthGraceSeconds}\n`,
  );
  tree.file('etc/boardrig/authorized_keys', `${authorizedKey}\n`);
  const accounts = accountFiles(dev);
  tree.file('etc/passwd', accounts.passwd).file('etc/group', accounts.group);
  tree.file('etc/shadow', accounts.shadow, { mode: 0o600 });
  tree.file('etc/issue', `boardrig ${request.version} ${request.variant}\n`);
  tree.file('etc/machine-id', 'uninitialized\n');
  tree.link('etc/hostname', '/run/hostname');
  tree.link('etc/hosts', '/run/hosts');
  tree.link('etc/mtab', '../proc/self/mounts');
  tree.link('root/.ssh', '/run/ssh');
}
