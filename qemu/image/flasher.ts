import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';
import type { BuildOptions, BuildRequest, BuiltImage } from '../../rig/contracts/image-builder.js';
import { bmapBlockBytes } from './bmap.js';
import { tinyBoardOf } from './board.js';
import { commandLine } from './bootloader.js';
import { buildImage } from './build.js';
import { cachedImage, imageName, inputsOf, publish, removeUnused } from './cache.js';
import { writeCpio } from './cpio.js';
import { diskFull, isDiskFull } from './disk-full.js';
import { usedFatBytes, writeFat32 } from './fat.js';
import { finishImage } from './finish-image.js';
import { partitionTypes } from './gpt.js';
import { guestFile } from './guest-files.js';
import { findKernel } from './kernel.js';
import { modulesInOrder } from './kernel-modules.js';
import { guidOf } from './make-image.js';
import { type ResolvedPackage, recordedPackages, unpackPackages } from './packages.js';
import { signingKey } from './signing-key.js';
import { imageKey } from './ssh-key.js';
import { baseTools, requireTools, Toolbox } from './toolbox.js';
import { FileTree } from './tree.js';
import { writeUbootScript } from './uboot-script.js';

const mebibyte = 1024 * 1024;
/** Kernel, initrd and log. */
const bootMiB = 64;

/** The LED of a board: label of its GPIO chip and line, as the kernel numbers it (`virt`: hw/arm/virt.c, the PL061). */
const leds: Readonly<Partial<Record<BuildRequest['arch'], string>>> = { arm64: '9030000.pl061:1' };

/** Programs of busybox that the flasher calls. */
const applets = `
  blockdev cat cp dd dmesg grep ifconfig insmod mkdir mount poweroff sh sha256sum sync tail tar umount usleep wget
`
  .trim()
  .split(/\s+/);

/**
 * An image that installs the image of `request`: booted from a medium in the slot, or from the network where the rig serves it, it
 * writes that one to the internal medium. The inner image lies in a partition as it is, with its block map; the flasher's own
 * system is a kernel and an initial RAM disk.
 *
 * @throws RigError `image.no-flasher`; as `buildImage`
 */
export async function buildFlasher(request: BuildRequest, options: BuildOptions): Promise<BuiltImage> {
  const led = leds[request.arch];
  if (led === undefined) throw noFlasher(request);
  const inner = await buildImage(request, options);
  try {
    return await build(request, { inner, led, options });
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
}

async function build(
  request: BuildRequest,
  { inner, led, options }: { inner: BuiltImage; led: string; options: BuildOptions },
): Promise<BuiltImage> {
  const { cacheDir, signal, progress = () => {} } = options;
  const board = tinyBoardOf(request);
  const { arch } = request;
  const packages = await recordedPackages({
    arch,
    names: board.packages,
    kernelPackage: board.kernelPackage,
    cacheDir,
  });
  if (!packages) throw new Error('the inner image was built and its packages are not recorded');
  const key = await imageKey(cacheDir);
  const { certificate } = await signingKey(cacheDir, { signal });
  const name = `${imageName(request)}-flasher`;
  const inputs = createHash('sha256')
    .update(`flasher\0${led}\0${inputsOf(request, { key, certificate, packages, tools: baseTools })}`)
    .digest('hex');
  if (!options.noCache) {
    const found = await cachedImage(name, { inputs, cacheDir });
    if (found) return { ...found, sshKeyFile: key.privateFile };
  }
  requireTools(baseTools);
  const workRoot = join(cacheDir, 'work');
  await mkdir(workRoot, { recursive: true });
  const workDir = await mkdtemp(join(workRoot, `build-${process.pid}-`));
  try {
    const tools = new Toolbox({ workDir, signal });
    progress('making the flasher');
    const unpacked = join(workDir, 'packages');
    await unpackPackages(flasherPackages(packages), { into: unpacked, cacheDir, tools });
    const ranges = await readRanges(inner);
    const seed = ['boardrig', name].join(' ');
    const boot = {
      name: 'flash-boot',
      typeGuid: partitionTypes.efiSystem,
      guid: guidOf(seed, 'partition flash-boot'),
      sizeBytes: bootMiB * mebibyte,
      file: join(workDir, 'flash-boot'),
    };
    await writeFat32(boot.file, {
      label: boot.name,
      volumeId: guidOf(seed, 'fat').slice(0, 8),
      sizeBytes: boot.sizeBytes,
      tree: await bootTree({ request, led, packages: unpacked, inner, ranges }),
      workDir,
      tools,
    });
    const image = {
      name: 'flash-image',
      typeGuid: partitionTypes.linux,
      guid: guidOf(seed, 'partition flash-image'),
      sizeBytes: Math.ceil(inner.sizeBytes / mebibyte) * mebibyte,
      file: inner.path,
      used: ranges.map(({ first, count }) => ({
        first: first * bmapBlockBytes,
        last: (first + count) * bmapBlockBytes - 1,
      })),
    };
    const made = await finishImage({
      name,
      parts: [{ ...boot, used: await usedFatBytes(boot.file) }, image],
      diskGuid: guidOf(seed, 'disk'),
      manifest: {
        ...request,
        slug: board.slug,
        revision: inputs.slice(0, 16),
        packages,
        flashes: inner.sha256,
      },
      workDir,
      signal,
    });
    const folder = await publish(made.folder, { inputs, cacheDir });
    await removeUnused(name, { cacheDir });
    const found = await cachedImage(name, { inputs, cacheDir });
    if (!found) throw new Error(`the finished flasher is not in ${folder}`);
    return { ...found, sshKeyFile: key.privateFile, cached: false };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** The flasher is a kernel and busybox. */
function flasherPackages(packages: readonly ResolvedPackage[]): ResolvedPackage[] {
  return packages.filter(({ name }) => name.startsWith('linux-image-') || name === 'busybox-static');
}

interface Range {
  /** In blocks of 4 KiB. */
  readonly first: number;
  readonly count: number;
  readonly sha256: string;
}

async function readRanges(image: BuiltImage): Promise<Range[]> {
  const text = await readFile(image.bmapPath, 'utf8');
  return [...text.matchAll(/chksum="([0-9a-f]{64})"> (\d+)(?:-(\d+))? </g)].map(
    ([, sha256 = '', first = '', last = first]) => ({
      first: Number(first),
      count: Number(last) - Number(first) + 1,
      sha256,
    }),
  );
}

async function bootTree(options: {
  readonly request: BuildRequest;
  readonly led: string;
  readonly packages: string;
  readonly inner: BuiltImage;
  readonly ranges: readonly Range[];
}): Promise<FileTree> {
  const { request, led, packages, inner, ranges } = options;
  const board = tinyBoardOf(request);
  const kernel = await findKernel(packages);
  const fill = { LED: led, CMDLINE: commandLine(board.console) };
  const blocks = ranges.reduce((sum, { count }) => sum + count, 0);
  const list = [
    `image ${inner.sizeBytes} ${blocks} ${request.version}`,
    ...ranges.map(({ first, count, sha256 }) => `${first} ${count} ${sha256}`),
  ];
  return new FileTree()
    .file('boot.scr', {
      data: writeUbootScript(await guestFile('flasher-boot.cmd', fill), { name: 'flasher' }),
    })
    .file('netboot.scr', {
      data: writeUbootScript(await guestFile('flasher-netboot.cmd', fill), { name: 'flasher-netboot' }),
    })
    .file('Image', { from: kernel.image })
    .file('initrd', { data: await flasherInitrd(packages, request) })
    .file('image.ranges', `${list.join('\n')}\n`)
    .file('config.json', `${JSON.stringify({ deviceType: board.slug }, null, 2)}\n`);
}

async function flasherInitrd(packages: string, request: BuildRequest): Promise<Buffer> {
  const tree = new FileTree();
  for (const path of ['dev', 'proc', 'sys']) tree.directory(path);
  tree.file('bin/busybox', { from: join(packages, 'bin/busybox') }, { mode: 0o755 });
  for (const applet of applets) tree.link(`bin/${applet}`, 'busybox');
  tree.file('init', await guestFile('flasher-init.sh'), { mode: 0o755 });
  const board = tinyBoardOf(request);
  const wanted = [...board.initrdModules, 'virtio_net', 'vfat', 'nls_cp437', 'nls_ascii'];
  const modules = await modulesInOrder(wanted, await findKernel(packages));
  for (const file of modules) tree.file(`modules/${basename(file)}`, { from: file });
  tree.file('modules/order', modules.map((file) => `${basename(file)}\n`).join(''));
  return await writeCpio(tree);
}

function noFlasher({ arch }: BuildRequest): RigError {
  return new RigError(`There is no flasher image for ${arch}`, {
    code: 'image.no-flasher',
    blame: 'config',
    hint: `Flasher images are made for ${Object.keys(leds).join(', ')}: --arch arm64.`,
  });
}
