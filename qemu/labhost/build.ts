import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../rig/config/package.js';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { administratorPath } from '../../rig/lifetime/administrator-env.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { makeWorkDir } from '../image/build.js';
import { writeCpio } from '../image/cpio.js';
import { findKernel, type Kernel } from '../image/kernel.js';
import { modulesInOrder } from '../image/kernel-modules.js';
import {
  fetchPackages,
  type PackageRequest,
  type ResolvedPackage,
  recordedPackages,
  unpackPackages,
} from '../image/packages.js';
import { Toolbox } from '../image/toolbox.js';
import { FileTree } from '../image/tree.js';
import { buildGpioSim } from './gpio-sim.js';
import { unpackKernel } from './unpacked-kernel.js';

/** What the lab host has that this host need not have; Node and all else are this host's own. */
const layerPackages = [
  ...['udev', 'kmod', 'gpiod', 'libgpiod2', 'libudev1', 'libkmod2', 'libacl1', 'libblkid1'],
  ...[
    'iproute2',
    'libbpf1',
    'libmnl0',
    'libcap2',
    'libelf1',
    'libbsd0',
    'libmd0',
    'libtirpc3',
    'libxtables12',
  ],
  ...['dnsmasq-base', 'libdbus-1-3', 'libidn2-0', 'libunistring2', 'libnettle8', 'libhogweed6', 'libgmp10'],
  ...['libnetfilter-conntrack3', 'libnfnetlink0', 'libnftables1', 'libnftnl11', 'libjansson4', 'libedit2'],
  ...[
    'hostapd',
    'wpasupplicant',
    'iw',
    'wireless-regdb',
    'libnl-3-200',
    'libnl-genl-3-200',
    'libnl-route-3-200',
  ],
  ...['libpcsclite1', 'libreadline8', 'libtinfo6'],
  ...['usbsdmux', 'python3-minimal', 'python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib'],
  ...['libexpat1', 'libffi8', 'zlib1g'],
];

const initrdModules = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];
const laterModules = [
  'virtio_console',
  'virtio_net',
  'configfs',
  'xhci_pci',
  'ftdi_sio',
  'usb_storage',
  'uas',
  'sd_mod',
  'sg',
  'loop',
  'mac80211_hwsim',
  ...['ccm', 'ctr', 'cmac', 'gcm'],
];

/** What QEMU starts the lab host from. */
export interface LabHostFiles {
  readonly kernel: string;
  readonly initrd: string;
  /** Files that lie over this host's own in the lab host. */
  readonly layer: string;
}

/**
 * The parts of the lab host: those of the cache, or new ones. Needs a compiler (`npm run setup -- --for labhost`), no root, and
 * no network once its packages are in the cache.
 *
 * @throws RigError `image.no-network`, `image.missing-package`, `image.damaged-package`, `process.missing`, `process.failed`
 */
export async function buildLabHost({
  cacheDir,
  progress = () => {},
  signal,
}: { cacheDir: string; progress?: (line: string) => void } & Cancellable): Promise<LabHostFiles> {
  const wanted: PackageRequest = {
    arch: 'amd64',
    names: [...layerPackages, 'busybox-static', 'linux-source-6.1'],
    kernelPackage: 'linux-image-amd64',
    kernelHeaders: 'linux-headers-amd64',
    cacheDir,
  };
  const workDir = await makeWorkDir(join(cacheDir, 'work'));
  try {
    const tools = new Toolbox({ workDir, signal });
    const packages =
      (await recordedPackages(wanted)) ?? (await fetchPackages({ ...wanted, workDir, tools, progress }));
    const place = join(cacheDir, 'labhost', inputsOf(packages));
    if (!existsSync(place)) {
      const made = await make(packages, { workDir, cacheDir, tools, progress, signal });
      await mkdir(dirname(place), { recursive: true });
      // Somebody else may have made the same meanwhile.
      await rename(made, place).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
      await removeUnused(place);
    }
    const now = new Date();
    await utimes(place, now, now);
    return filesIn(place);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

interface MakeOptions extends Cancellable {
  readonly workDir: string;
  readonly cacheDir: string;
  readonly tools: Toolbox;
  readonly progress: (line: string) => void;
}

async function make(packages: readonly ResolvedPackage[], options: MakeOptions): Promise<string> {
  const { workDir, cacheDir, tools, progress, signal } = options;
  const [kernelPackages, others] = [join(workDir, 'kernel'), join(workDir, 'others')];
  const isKernel = ({ name }: ResolvedPackage): boolean => name.startsWith('linux-');
  progress(`unpacking ${packages.length} packages for the lab host`);
  await unpackPackages(packages.filter(isKernel), { into: kernelPackages, cacheDir, tools });
  await unpackPackages(
    packages.filter((one) => !isKernel(one)),
    { into: others, cacheDir, tools },
  );
  const kernel = await findKernel(kernelPackages);
  const release = releaseOf(kernel);
  const made = join(workDir, 'made');
  await mkdir(made);
  const files = filesIn(made);
  progress('building gpio-sim');
  const built = join(workDir, 'gpio-sim');
  await mkdir(built);
  const gpioSim = await buildGpioSim(kernelPackages, { folder: built, release, signal });
  await unpackKernel(kernel.image, { path: files.kernel, signal });
  await writeFile(files.initrd, await initrd({ kernel, busybox: join(others, 'bin/busybox') }));
  await mergeUsr(others, files.layer);
  await addModules(files.layer, { kernel, kernelPackages, gpioSim, signal });
  return made;
}

/** As `uname -r` says it. */
function releaseOf({ image }: Kernel): string {
  return basename(image).slice('vmlinuz-'.length);
}

async function initrd({ kernel, busybox }: { kernel: Kernel; busybox: string }): Promise<Buffer> {
  const tree = new FileTree();
  for (const path of ['dev', 'host', 'layer', 'memory', 'root']) tree.directory(path);
  tree.file('bin/busybox', { from: busybox }, { mode: 0o755 });
  tree.file('init', { from: guestScript('init.sh') }, { mode: 0o755 });
  tree.file('start.sh', { from: guestScript('start.sh') }, { mode: 0o755 });
  const files = await modulesInOrder(initrdModules, kernel);
  for (const file of files) tree.file(`modules/${basename(file)}`, { from: file });
  tree.file('modules/order', files.map((file) => `${basename(file)}\n`).join(''));
  return writeCpio(tree);
}

/** Packages of bookworm still bring /bin and /lib, which are links on an installed system: a folder would hide them. */
async function mergeUsr(from: string, layer: string): Promise<void> {
  await mkdir(join(layer, 'usr'), { recursive: true });
  const copy = (source: string, target: string): Promise<void> =>
    cp(join(from, source), join(layer, target), { recursive: true, verbatimSymlinks: true });
  for (const folder of ['bin', 'sbin', 'lib', 'usr', 'etc'])
    if (existsSync(join(from, folder)))
      await copy(folder, folder === 'usr' || folder === 'etc' ? folder : `usr/${folder}`);
  await rm(join(layer, 'usr/share'), { recursive: true, force: true });
  // Debian links the rules of the radios by update-alternatives, in a script of the package; the kernel believes Debian's signature.
  for (const name of ['regulatory.db', 'regulatory.db.p7s'])
    await symlink(`${name}-debian`, join(layer, 'usr/lib/firmware', name));
}

async function addModules(
  layer: string,
  {
    kernel,
    kernelPackages,
    gpioSim,
    signal,
  }: { kernel: Kernel; kernelPackages: string; gpioSim: string } & Cancellable,
): Promise<void> {
  const release = releaseOf(kernel);
  const source = join(kernelPackages, 'lib/modules', release);
  const folder = join(layer, 'usr/lib/modules', release);
  for (const file of await modulesInOrder(laterModules, kernel))
    await copyTo(join(folder, file.slice(source.length)), file);
  await copyTo(join(folder, 'extra', basename(gpioSim)), gpioSim);
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'])
    await copyTo(join(folder, name), join(source, name));
  // depmod looks for lib/modules below its base.
  await runProgram('depmod', ['-b', join(layer, 'usr'), release], {
    signal,
    env: { ...process.env, PATH: administratorPath() },
  });
}

async function copyTo(target: string, source: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await cp(source, target);
}

function filesIn(folder: string): LabHostFiles {
  return { kernel: join(folder, 'vmlinux'), initrd: join(folder, 'initrd'), layer: join(folder, 'layer') };
}

/** Our code and scripts that decide what is made. */
const makers = ['build.js', 'gpio-sim.js', 'unpacked-kernel.js'];

function inputsOf(packages: readonly ResolvedPackage[]): string {
  const hash = createHash('sha256').update(JSON.stringify(packages));
  const code = dirname(fileURLToPath(import.meta.url));
  const scripts = readdirSync(guestFolder)
    .sort()
    .map((name) => join(guestFolder, name));
  for (const file of [...makers.map((name) => join(code, name)), ...scripts]) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 32);
}

const unusedDays = 14;

/** One takes 150 MB. Another that was used lately may be running. */
async function removeUnused(place: string): Promise<void> {
  for (const name of await readdir(dirname(place))) {
    const other = join(dirname(place), name);
    if (Date.now() - (await stat(other)).mtimeMs < unusedDays * 24 * 3600 * 1000) continue;
    await rm(other, { recursive: true, force: true });
  }
}

const guestFolder = join(packageRoot, 'qemu/labhost/guest');

function guestScript(name: string): string {
  return join(guestFolder, name);
}
