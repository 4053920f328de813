import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cancellable } from '../../../rig/contracts/capabilities.js';
import { RigError } from '../../../rig/contracts/errors.js';
import { Toolbox } from '../toolbox.js';
import { hashFile } from './write-bundle.js';

/** What a bundle says of itself. Nobody has checked that it is true: that is for the board. */
export interface BundleContent {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly compatible?: string;
  readonly version?: string;
  readonly format?: string;
  readonly images: readonly { readonly slot: string; readonly sizeBytes?: number }[];
  /** Subject of the certificate that comes with the signature. */
  readonly signer?: string;
}

/** squashfs: Documentation/filesystems/squashfs.rst, little endian. */
const squashfsMagic = 0x73717368;
/** No bundle's manifest and certificates take more. */
const mostSignatureBytes = 1024 * 1024;

/**
 * What the bundle in `path` says, read without trusting it.
 *
 * @returns undefined for what is no bundle whose manifest is in its signature (RAUC's formats `verity` and `crypt`)
 */
export async function inspectBundle(
  path: string,
  { signal }: Cancellable = {},
): Promise<BundleContent | undefined> {
  const found = await readSignature(path);
  if (!found) return undefined;
  const workDir = await mkdtemp(join(tmpdir(), 'boardrig-bundle-'));
  try {
    const tools = new Toolbox({ workDir, signal });
    const [file, certificate] = [join(workDir, 'signature'), join(workDir, 'certificate')];
    await writeFile(file, found.signature);
    const verify = ['cms', '-verify', '-noverify', '-inform', 'DER', '-in', file, '-signer', certificate];
    const manifest = (await tools.run('openssl', verify, { captureBytes: 65536 })).stdout;
    const subject = ['x509', '-noout', '-subject', '-nameopt', 'RFC2253', '-in', certificate];
    const signer = (await readFile(certificate, 'utf8')) && (await tools.run('openssl', subject)).stdout;
    return {
      path,
      sha256: await hashFile(path, { signal }),
      sizeBytes: found.sizeBytes,
      ...parseManifest(manifest),
      signer: signer.trim().replace(/^subject=/, ''),
    };
  } catch (error) {
    if (error instanceof RigError && error.code === 'process.failed') return undefined;
    throw error;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function readSignature(path: string): Promise<{ signature: Buffer; sizeBytes: number } | undefined> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const read = async (position: number, length: number): Promise<Buffer> =>
    (await file.read(Buffer.alloc(length), 0, length, position)).buffer;
  if (size < 4096 || (await read(0, 4)).readUInt32LE(0) !== squashfsMagic) return undefined;
  const length = (await read(size - 8, 8)).readBigUInt64BE(0);
  if (length === 0n || length > mostSignatureBytes || length > size - 8) return undefined;
  return { signature: await read(size - 8 - Number(length), Number(length)), sizeBytes: size };
}

/** Sections and keys as GLib reads them (RAUC: docs/reference.rst, "Manifest"). */
function parseManifest(text: string): Pick<BundleContent, 'compatible' | 'version' | 'format' | 'images'> {
  const sections = new Map<string, Map<string, string>>();
  let keys = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const section = /^\[(.+)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      keys = new Map();
      sections.set(section, keys);
    }
    const [, key, value] = /^([A-Za-z0-9-]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) keys.set(key, value);
  }
  const get = (section: string, key: string): string | undefined => sections.get(section)?.get(key);
  const compatible = get('update', 'compatible');
  const version = get('update', 'version');
  const format = get('bundle', 'format');
  return {
    ...(compatible === undefined ? {} : { compatible }),
    ...(version === undefined ? {} : { version }),
    ...(format === undefined ? {} : { format }),
    images: [...sections]
      .filter(([name]) => name.startsWith('image.'))
      .map(([name, fields]) => {
        const size = Number(fields.get('size'));
        return { slot: name.slice('image.'.length), ...(size > 0 ? { sizeBytes: size } : {}) };
      }),
  };
}
