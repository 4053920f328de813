import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { RigError } from '../../../rig/contracts/errors.js';
import { readElfNeeds } from '../elf.js';
import type { FileTree } from '../tree.js';

/** Folders that an installed Debian keeps below /usr, with a link in their old place. */
const merged = ['bin', 'sbin', 'lib', 'lib64'];

/**
 * Paths of the packages, from the root and merged into /usr, that a board does not need: what is for people, for other
 * init systems, for building packages, or for hardware that a board does not have.
 */
const unwanted = [
  /^usr\/share\/(doc|man|info|locale|lintian|bug|menu|bash-completion|zsh|fish|maven-repo|sgml|xml|perl5?|initramfs-tools|dpkg|polkit-1|common-licenses|doc-base|pam-configs|gettext|gtk-doc|vala|gir-1\.0|metainfo|docker\.io|base-files\/(?!profile))(\/|$)/,
  /^usr\/lib\/(modules|grub|locale|udev\/hwdb\.d|kernel\/install\.d|pppd|polkit-1|lsb|tc|modules-load\.d|sysusers\.d|NetworkManager\/dispatcher\.d|tmpfiles\.d\/(home|provision|etc|legacy|x11)\.conf)(\/|$)/,
  /^(boot|var|tmp|run|dev|proc|sys|home|media|srv|opt|mnt|root)(\/|$)/,
  /^etc\/(init\.d|rc.\.d|cron\.\w+|logrotate\.d|kernel|apt|dpkg|grub\.d|apparmor\.d|ppp|ucf\.conf|perl|sgml|xml|network|dhcp|ifplugd|update-motd\.d|default\/grub.*|issue.*|os-release|resolv\.conf|pam\.d|polkit-1|e2scrub\.conf|skel|openvpn|NetworkManager\/dispatcher\.d)(\/|$)/,
  /^usr\/lib\/systemd\/(system-generators\/(?!systemd-debug-generator$)|user-generators|user\/|portable|network\/|catalog\/|user-preset|system-preset)/,
  /^usr\/lib\/systemd\/system\/([^/]*\.wants\/|initrd|rc-local|cryptdisks|systemd-(repart|sysusers|machine-id-commit|network-generator|pcrphase|binfmt|ask-password|hibernate|boot-system-token|update-utmp|quotacheck|remount-fs|networkd|firstboot|pstore|sysext|initctl)|chrony-dnssrv|chrony-wait|dpkg-db|e2scrub|container-getty|console-getty|getty-static|quotaon|openvpn)/,
  /^usr\/lib\/systemd\/system\/(autovt@|halt-local|hwclock|rc|rcS|x11-common)\.service$/,
  /^usr\/lib\/udev\/rules\.d\/(50-firmware|55-dm|60-(cdrom_id|fido-id|infiniband|persistent-alsa|persistent-v4l|persistent-storage-(dm|tape)|sensor|autosuspend)|64-btrfs|70-(camera|joystick|touchpad|mouse|memory|uaccess)|71-seat|73-seat-late|75-probe_mtd|78-sound-card|85-hwclock|90-nm-thunderbolt|95-dm-notify|96-e2scrub)\.rules$/,
  /^usr\/lib\/x86_64-linux-gnu\/(tc|cryptsetup|gconv|perl|pkgconfig|dri)(\/|$)/,
  /^usr\/(sbin\/arpd|bin\/systemd-(cryptenroll|dissect|sysext|homed)|lib\/x86_64-linux-gnu\/security\/pam_userdb\.so|lib\/systemd\/systemd-(cryptsetup|veritysetup|integritysetup|growfs|makefs|homed|portabled|repart|dissect))$/,
  /\.(a|la|h|pc)$/,
];

export interface PackageFilesOptions {
  /** The unpacked packages. */
  readonly packages: string;
}

/** Adds what the packages hold, merged into /usr and without what a board does not need. */
export async function addPackageFiles(tree: FileTree, { packages }: PackageFilesOptions): Promise<void> {
  for (const name of merged) tree.link(name, `usr/${name}`);
  await addFolder('');
  async function addFolder(folder: string): Promise<void> {
    for (const name of (await readdir(join(packages, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const place = mergedPath(path);
      if (unwanted.some((pattern) => pattern.test(place))) continue;
      const source = join(packages, path);
      const found = await lstat(source);
      if (found.isSymbolicLink()) {
        tree.link(place, mergedTarget(path, await readlink(source)));
      } else if (found.isDirectory()) {
        if (!tree.has(place)) tree.directory(place, { mode: found.mode & 0o1755 });
        await addFolder(path);
      } else if (found.isFile()) {
        tree.file(place, { from: source }, { mode: found.mode & 0o1755 });
      }
    }
  }
}

function mergedPath(path: string): string {
  return merged.some((name) => path === name || path.startsWith(`${name}/`)) ? `usr/${path}` : path;
}

/** A link that climbs out of a folder which moved into /usr would miss; it names its target from the root instead. */
function mergedTarget(path: string, target: string): string {
  if (!target.startsWith('../') || mergedPath(path) === path) return target;
  return `/${mergedPath(posix.normalize(posix.join(posix.dirname(path), target)))}`;
}

/**
 * Checks that every library that a program of the tree asks for is in the tree.
 *
 * @throws RigError `image.missing-file` with all that are missing
 */
export async function checkLibraries(tree: FileTree): Promise<void> {
  const names = new Set(tree.entries().map(([path]) => posix.basename(path)));
  const missing = new Map<string, string>();
  for (const [path, node] of tree.entries()) {
    if (node.kind !== 'file' || !('from' in node.content) || !/^usr\/(s?bin|lib)\//.test(path)) continue;
    if (path.startsWith('usr/lib/modules/')) continue;
    for (const name of readElfNeeds(await readFile(node.content.from))?.libraries ?? [])
      if (!names.has(name)) missing.set(name, path);
  }
  if (missing.size === 0) return;
  const list = [...missing].map(([name, path]) => `${name} (for ${path})`).join(', ');
  throw new RigError(`The packages lack libraries that their programs ask for: ${list}`, {
    code: 'image.missing-file',
    blame: 'rig',
    hint: "Debian's packages have changed: the builder's list must follow.",
    evidence: { missing: [...missing.keys()] },
  });
}
