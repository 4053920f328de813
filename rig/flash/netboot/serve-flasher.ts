import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cancellable, ImageFile } from '../../contracts/capabilities.js';
import type { ServedFlasher, ServeOptions } from '../../contracts/medium-writer.js';
import { unpackFlasher } from '../../image/flasher-image.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { runProgram } from '../../lifetime/run-program.js';
import { FlasherServer } from './server.js';

/** What U-Boot runs first (`qemu/image/guest/flasher-netboot.cmd`). */
const bootFile = 'netboot.scr';
/** Read by it: the TCP port of the server. */
const portFile = 'netboot.env';
/** What the flasher itself reads, as far as it is there. */
const flasherFiles = ['image.ranges', 'config.json', 'system-connections'];

/**
 * Lays a flasher image out for a board that boots from the network: its boot partition's files in a folder, for TFTP, and a
 * server of the image that it installs.
 *
 * @throws RigError as `unpackFlasher`; the signal's reason
 */
export async function serveFlasher(
  image: ImageFile,
  { bindAddress, signal }: ServeOptions,
): Promise<ServedFlasher> {
  const ends = new DisposalStack();
  try {
    const work = await mkdtemp(join(tmpdir(), 'boardrig-netboot-'));
    ends.defer(() => rm(work, { recursive: true, force: true }));
    const disk = await open(image.path, 'r');
    ends.defer(() => disk.close());
    const folder = join(work, 'boot');
    const inner = await unpackFlasher(disk, { name: image.path, into: folder, signal });
    const archive = join(work, 'files.tar');
    await archiveOwn(folder, { archive, signal });
    const server = ends.use(await FlasherServer.open({ disk, image: inner, archive }, { bindAddress }));
    await writeFile(join(folder, portFile), `rig_port=${server.port}\n`);
    const opened = ends.move();
    return { files: { folder, bootFile }, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  } catch (error) {
    await ends[Symbol.asyncDispose]();
    throw error;
  }
}

/** Moves what only the flasher reads out of the folder: TFTP would give the configuration's secrets to anybody who knows its name. */
async function archiveOwn(
  folder: string,
  { archive, signal }: { readonly archive: string } & Cancellable,
): Promise<void> {
  const there = flasherFiles.filter((name) => existsSync(join(folder, name)));
  await runProgram('tar', ['-C', folder, '--remove-files', '-cf', archive, '--', ...there], { signal });
}
