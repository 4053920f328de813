import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Architecture, Image } from '../../rig/contracts/board.js';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { type Json, RigError } from '../../rig/contracts/errors.js';
import { maskSecrets } from '../../rig/image/mask-secrets.js';
import { type Partition, type PartitionTable, readPartitionTable } from '../../rig/image/partition-table.js';
import { sha256OfFile } from '../../rig/lifetime/hash-file.js';
import { readManifest } from './manifest.js';
import { identifyFilesystem, PartitionReader } from './partition-reader.js';
import { keyFileOf } from './ssh-key-file.js';

export type ImageFormat = 'raw' | 'qcow2' | 'gzip' | 'xz' | 'zstd' | 'unknown';

export interface ImagePartition extends Partition {
  readonly filesystem?: 'vfat' | 'ext4';
  /** The file system's own label, which may differ from the partition's name. */
  readonly label?: string;
}

/** What an image tells of itself, read without mounting it and without changing it. */
export interface ImageFacts extends Image {
  readonly format: ImageFormat;
  readonly table?: PartitionTable['scheme'];
  readonly diskId?: string;
  /** Empty when there is no partition table that can be read. */
  readonly partitions: readonly ImagePartition[];
  /** `/etc/os-release` of the first root that has one. */
  readonly osRelease?: Readonly<Record<string, string>>;
  /** `config.json` of the boot partition, its secrets masked. */
  readonly config?: Json;
  /** NetworkManager connections of the boot partition by file name, their secrets masked. */
  readonly connections?: Readonly<Record<string, string>>;
  /** A manifest lies beside it and fits. */
  readonly manifest: boolean;
}

const headBytes = 64 * 1024;

const magics: readonly (readonly [ImageFormat, string])[] = [
  ['qcow2', '514649fb'],
  ['gzip', '1f8b'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
];

/** @throws RigError `image.missing`, `image.unreadable` (blame: config); the signal's reason */
export async function inspectImage(path: string, options: Cancellable = {}): Promise<ImageFacts> {
  const { sizeBytes, head } = await readHead(path);
  const format =
    magics.find(([, magic]) => head.toString('hex', 0, magic.length / 2) === magic)?.[0] ??
    (head.readUInt16LE(510) === 0xaa55 ? 'raw' : 'unknown');
  const manifest = await readManifest(path);
  const table = format === 'raw' ? await tableOf(path, sizeBytes) : undefined;
  const inside = table && (await lookInside(path, { partitions: table.partitions, sizeBytes, ...options }));
  const arch = manifest?.arch ?? inside?.arch;
  const version = manifest?.version ?? inside?.osRelease?.VERSION_ID;
  const variant = manifest?.variant ?? variantOf(inside?.osRelease?.VARIANT_ID);
  const sshKeyFile = manifest && keyFileOf(path);
  return {
    path,
    sha256: manifest?.image.sha256 ?? (await sha256OfFile(path, options)),
    sizeBytes,
    ...(arch ? { arch } : {}),
    ...(version === undefined ? {} : { version }),
    ...(variant ? { variant } : {}),
    ...(sshKeyFile ? { sshKeyFile } : {}),
    format,
    ...(table ? { table: table.scheme, diskId: table.diskId } : {}),
    partitions: inside?.partitions ?? [],
    ...(inside?.osRelease ? { osRelease: inside.osRelease } : {}),
    ...(inside?.config === undefined ? {} : { config: maskSecrets(inside.config) }),
    ...(inside?.connections ? { connections: inside.connections } : {}),
    manifest: manifest !== undefined,
  };
}

interface Inside {
  readonly partitions: readonly ImagePartition[];
  readonly arch?: Architecture;
  readonly osRelease?: Record<string, string>;
  readonly config?: Json;
  readonly connections?: Readonly<Record<string, string>>;
}

async function tableOf(path: string, sizeBytes: number): Promise<PartitionTable | undefined> {
  await using file = await open(path, 'r');
  return await readPartitionTable(file, sizeBytes);
}

async function lookInside(
  path: string,
  { partitions, sizeBytes, signal }: { partitions: readonly Partition[]; sizeBytes: number } & Cancellable,
): Promise<Inside> {
  const known: ImagePartition[] = [];
  let [arch, osRelease, config]: [Architecture?, Record<string, string>?, Json?] = [];
  let connections: Record<string, string> | undefined;
  const workDir = await mkdtemp(join(tmpdir(), 'boardrig-inspect-'));
  try {
    await using file = await open(path, 'r');
    for (const partition of partitions) {
      signal?.throwIfAborted();
      // A table that lies must not be followed off the end.
      const isThere = partition.startBytes < sizeBytes;
      const found = isThere ? await identifyFilesystem(file, partition.startBytes) : undefined;
      known.push({ ...partition, ...found });
      const reader = new PartitionReader(path, { startBytes: partition.startBytes, workDir, signal });
      if (found?.filesystem === 'vfat') {
        config ??= await reader.configJson();
        connections ??= await reader.connections();
      }
      if (found?.filesystem === 'ext4' && !osRelease) {
        osRelease = await reader.osRelease();
        if (osRelease) arch = await reader.architecture();
      }
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
  return {
    partitions: known,
    ...(arch ? { arch } : {}),
    ...(osRelease ? { osRelease } : {}),
    ...(config === undefined ? {} : { config }),
    ...(connections ? { connections } : {}),
  };
}

async function readHead(path: string): Promise<{ sizeBytes: number; head: Buffer }> {
  try {
    const { size } = await stat(path);
    await using file = await open(path, 'r');
    const head = Buffer.alloc(headBytes);
    await file.read(head, 0, headBytes, 0);
    return { sizeBytes: size, head };
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new RigError(`Cannot read image ${JSON.stringify(path)}: ${(cause as Error).message}`, {
      code: missing ? 'image.missing' : 'image.unreadable',
      blame: 'config',
      hint: 'Give the path of a disk image; rig image build tiny makes one.',
      cause,
    });
  }
}

function variantOf(text: string | undefined): 'dev' | 'prod' | undefined {
  return text === 'dev' || text === 'prod' ? text : undefined;
}
