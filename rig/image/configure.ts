import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../contracts/capabilities.js';
import { RigError } from '../contracts/errors.js';
import { type FatPartition, findBootPartition } from './boot-partition.js';
import { changedConfig } from './config-json.js';
import { FatVolume } from './fat-volume.js';
import { extract, replaceImage, writeDifferences } from './replace-image.js';
import { type BootFile, checkSettings, configChanges, connectionFiles, type Settings } from './settings.js';

export interface ConfigureOptions extends Cancellable {
  /** Write a changed copy here and leave the image alone. */
  readonly output?: string | undefined;
  /** Number, name or label of the partition; default: the FAT partition that the image boots from. */
  readonly partition?: string | undefined;
}

export interface Configured {
  readonly path: string;
  readonly partition: FatPartition;
  /** Files of the boot partition that are new or have another content now. */
  readonly files: readonly string[];
  /** Byte ranges of the image that differ from before. */
  readonly changed: readonly { readonly first: number; readonly last: number }[];
}

const configFile = 'config.json';

/**
 * Changes the configuration on the boot partition of a raw disk image, without mounting it and without being root. The
 * image is replaced in one step when all is written and read back, or not at all.
 *
 * @throws RigError `config.bad-setting`, `config.bad-path`, `image.bad-config`, `image.damaged-fat`,
 *   `image.boot-partition-full`, what `findBootPartition` and `replaceImage` throw; the signal's reason. The image is as it was
 */
export async function configureImage(
  image: string,
  settings: Settings,
  { output, partition: wanted, signal }: ConfigureOptions = {},
): Promise<Configured> {
  checkSettings(settings);
  const { path, result } = await replaceImage({ source: image, output, signal }, async (disk, workDir) => {
    const { size } = await disk.stat();
    const partition = await findBootPartition(disk, { sizeBytes: size, wanted });
    const part = join(workDir, 'partition');
    const { startBytes: offset, sizeBytes: length } = partition;
    await extract(disk, part, { offset, length, signal });
    const files = await editVolume(new FatVolume(part, { workDir, signal }), settings);
    return { partition, files, changed: await writeBack(disk, part, { offset, signal }) };
  });
  return { path, ...result };
}

/** On a copy of the partition alone: mtools gets no more of an image to read and write than that. */
async function editVolume(volume: FatVolume, settings: Settings): Promise<string[]> {
  await volume.check();
  const before = (await volume.read(configFile))?.toString('utf8');
  const changes = configChanges(settings, before);
  const wanted: BootFile[] = [
    ...(changes.length === 0 ? [] : [{ path: configFile, content: changedConfig(before, changes) }]),
    ...connectionFiles(settings),
  ];
  const written: BootFile[] = [];
  for (const file of wanted) {
    if ((await volume.read(file.path))?.toString('utf8') === file.content) continue;
    await volume.write(file.path, file.content);
    written.push(file);
  }
  if (written.length > 0) await volume.check();
  for (const { path, content } of written)
    if ((await volume.read(path))?.toString('utf8') !== content) throw notWritten(path);
  return written.map(({ path }) => path);
}

async function writeBack(
  disk: FileHandle,
  part: string,
  { offset, signal }: { readonly offset: number } & Cancellable,
): Promise<{ first: number; last: number }[]> {
  await using file = await open(part, 'r');
  return await writeDifferences(disk, file, { offset, signal });
}

function notWritten(path: string): RigError {
  return new RigError(`The boot partition does not hold ${path} as it was written`, {
    code: 'image.not-written',
    blame: 'rig',
    hint: 'The image is as it was. This is a defect of the rig or of mtools: keep the image and report it.',
  });
}
