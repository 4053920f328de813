import { mkdir, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Kernel } from '../kernel.js';
import { modulesInOrder } from '../kernel-modules.js';
import { filesBelow } from '../packages.js';
import type { Toolbox } from '../toolbox.js';
import type { FileTree } from '../tree.js';

/** What the initrd loads to reach the root; Debian's kernel for machines, unlike the one for clouds, has no ext4 in it. */
export const initrdModules = ['virtio_pci', 'virtio_blk', 'crc32c_generic', 'ext4'];

/** What may be loaded later, by udev or by name. */
const wanted = `
  virtio_net virtio-rng i6300esb zram vfat nls_cp437 nls_ascii evdev button pvpanic-pci autofs4 efivarfs loop squashfs
  dm_verity nbd tun veth dummy 8021q cdc_acm cdc_ether option ftdi_sio usbserial xhci_pci ehci_pci dummy_hcd g_serial u_serial usb_f_acm usb_f_serial
  mac80211_hwsim ccm ctr cmac softdog netem sch_netem
`;

const engine = `
  overlay bridge br_netfilter nf_tables nft_compat nft_chain_nat nf_nat xt_conntrack xt_MASQUERADE xt_addrtype xt_comment
  xt_tcpudp xt_nat nft_ct nft_nat nf_conntrack_netlink xfrm_user xfrm_algo ip6_tables ip_tables
`;

/** The kernel's modules that the system may load, with the indexes that modprobe and udev look them up in. */
export async function addModules(
  tree: FileTree,
  {
    kernel,
    packages,
    withEngine,
    workDir,
    tools,
  }: { kernel: Kernel; packages: string; withEngine: boolean; workDir: string; tools: Toolbox },
): Promise<void> {
  const version = basename(kernel.image).slice('vmlinuz-'.length);
  const source = join(packages, 'lib/modules', version);
  const names = `${initrdModules.join(' ')} ${wanted} ${withEngine ? engine : ''}`.trim().split(/\s+/);
  const known = new Set(kernel.modules.map((file) => basename(file, '.ko').replaceAll('-', '_')));
  const files = await modulesInOrder(
    names.filter((name) => known.has(name.replaceAll('-', '_'))),
    kernel,
  );
  const base = join(workDir, 'modules');
  const folder = join(base, 'lib/modules', version);
  for (const file of files) {
    const path = file.slice(source.length + 1);
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await symlink(file, join(folder, path));
    tree.file(`usr/lib/modules/${version}/${path}`, { from: file });
  }
  const order = (await readFile(join(source, 'modules.order'), 'utf8'))
    .split('\n')
    .filter((path) => files.some((file) => file.endsWith(`/${path}`)));
  await symlinkAll(['modules.builtin', 'modules.builtin.modinfo'], source, folder);
  tree.file(`usr/lib/modules/${version}/modules.order`, `${order.join('\n')}\n`);
  await tools.run('depmod', ['-b', base, version]);
  for (const file of await filesBelow(folder)) {
    const name = basename(file);
    if (dirname(file) === folder) tree.file(`usr/lib/modules/${version}/${name}`, { from: file });
  }
}

async function symlinkAll(names: readonly string[], from: string, to: string): Promise<void> {
  for (const name of names) await symlink(join(from, name), join(to, name));
}
