import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Cancellable } from '../../../rig/contracts/capabilities.js';
import type { Toolbox } from '../toolbox.js';
import { verityTree } from './verity.js';

export interface WriteBundleOptions extends Cancellable {
  /** The image of the slot `rootfs`; it is moved. */
  readonly root: string;
  readonly compatible: string;
  readonly version: string;
  /** PEM file with the private key and its certificate. */
  readonly signerFile: string;
  readonly workDir: string;
  readonly tools: Toolbox;
}

/**
 * A RAUC bundle of the format `verity` (RAUC: docs/reference.rst, "Bundle Formats"): a squashfs, its dm-verity tree, the manifest signed as
 * CMS, and the length of that as 64 bits, big endian. Ours rather than `rauc bundle`, which draws a salt and signs the
 * time: the same root and key give the same bytes.
 */
export async function writeBundle(file: string, options: WriteBundleOptions): Promise<void> {
  const { root, workDir, tools, signal } = options;
  const content = join(workDir, 'content');
  await mkdir(content);
  const image = join(content, 'rootfs.img');
  await rename(root, image);
  const imageHash = await hashFile(image, { signal });
  const { size } = await stat(image);
  await tools.run('mksquashfs', [
    ...[content, file, '-root-mode', '755', '-quiet', '-no-progress', '-noappend', '-all-root', '-no-xattrs'],
    // Quick to read on a small board; the tail of a file is no block of its own.
    ...['-comp', 'lz4', '-no-fragments'],
  ]);
  const payloadHash = await hashFile(file, { signal });
  const salt = createHash('sha256').update(`verity salt ${payloadHash}`).digest();
  const { bytes, rootHash } = await verityTree(file, { salt, signal });
  const manifest = join(workDir, 'manifest.raucm');
  const text = [
    '[update]',
    `compatible=${options.compatible}`,
    `version=${options.version}`,
    '',
    '[bundle]',
    'format=verity',
    `verity-hash=${rootHash}`,
    `verity-salt=${salt.toString('hex')}`,
    `verity-size=${bytes.length}`,
    '',
    '[image.rootfs]',
    `sha256=${imageHash}`,
    `size=${size}`,
    `filename=${basename(image)}`,
    '',
  ];
  await writeFile(manifest, text.join('\n'));
  const signature = join(workDir, 'signature');
  await tools.run('openssl', [
    ...['cms', '-sign', '-binary', '-nodetach', '-noattr', '-nosmimecap', '-md', 'sha256', '-outform', 'DER'],
    ...['-signer', options.signerFile, '-inkey', options.signerFile, '-in', manifest, '-out', signature],
  ]);
  const cms = await readFile(signature);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(cms.length));
  await appendFile(file, Buffer.concat([bytes, cms, length]));
}

export async function hashFile(file: string, { signal }: Cancellable): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash, { signal });
  return hash.digest('hex');
}
