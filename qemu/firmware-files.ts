import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FirmwareFiles } from '../rig/contracts/board.js';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import { RigError } from '../rig/contracts/errors.js';
import { FatVolume } from '../rig/image/fat-volume.js';
import { readGpt, sectorBytes } from '../rig/image/gpt.js';
import type { LoadedFiles } from './command-line.js';

/** The front of a GPT: header and 128 entries. */
const tableBytes = 34 * sectorBytes;
/** More than any boot partition of ours, and no more than a host reads in a moment. */
const mostBytes = 256 * 1024 * 1024;

export interface ReadFirmwareFiles extends Cancellable {
  /** Reads a byte range of the medium. */
  readonly read: (offset: number, length: number, options?: Cancellable) => Promise<Uint8Array>;
  /** For the files. */
  readonly folder: string;
}

/**
 * Plays the firmware of boards that load their kernel by itself, as the one of a Raspberry Pi does: reads the files that the board
 * type names from the first partition of the medium, as they are at this power-on.
 *
 * @throws RigError `qemu.nothing-to-boot` (blame: board) when the medium lacks what the firmware needs; what `read` throws
 */
export async function readFirmwareFiles(
  wanted: FirmwareFiles,
  { read, folder, signal }: ReadFirmwareFiles,
): Promise<LoadedFiles> {
  const partition = readGpt(Buffer.from(await read(0, tableBytes, { signal })))?.partitions[0];
  if (!partition) throw nothingToBoot('has no partition table');
  if (partition.sizeBytes > mostBytes) throw nothingToBoot('begins with a partition that is too large');
  const place = join(folder, 'firmware-files');
  const volumeFile = join(place, 'volume');
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true, mode: 0o700 });
  await writeFile(volumeFile, await read(partition.startBytes, partition.sizeBytes, { signal }));
  const volume = new FatVolume(volumeFile, { workDir: place, signal });
  const take = async (name: string): Promise<string> => {
    const content = await volume.read(name);
    if (content === undefined) throw nothingToBoot(`has no file ${name} in its first partition`);
    const file = join(place, `taken-${name.replaceAll('/', '_')}`);
    await writeFile(file, content);
    return file;
  };
  const { kernel, initrd, deviceTree, commandLine } = wanted;
  const files = {
    kernel: await take(kernel),
    ...(initrd === undefined ? {} : { initrd: await take(initrd) }),
    ...(deviceTree === undefined ? {} : { deviceTree: await take(deviceTree) }),
    ...(commandLine === undefined
      ? {}
      : { append: (await readFile(await take(commandLine), 'utf8')).trim() }),
  };
  await rm(volumeFile);
  return files;
}

function nothingToBoot(why: string): RigError {
  return new RigError(`The board has nothing to boot: its medium ${why}`, {
    code: 'qemu.nothing-to-boot',
    blame: 'board',
    hint: 'Put an image on it that is made for this board (rig image inspect tells what an image holds).',
  });
}
