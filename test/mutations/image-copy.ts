import { execFile } from 'node:child_process';
import { chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { blockRanges, hashImage, writeBmap } from '../../qemu/image/bmap.js';
import { bmapPathOf, readManifest } from '../../qemu/image/manifest.js';
import { readSidecars } from '../../qemu/image/sidecars.js';
import { writeUbootScript } from '../../qemu/image/uboot-script.js';
import { parseBmap } from '../../rig/flash/bmap/parse.js';
import { gapsBetween, intersectRanges } from '../../rig/flash/byte-range.js';
import { type GptPartition, readGpt } from '../../rig/image/gpt.js';
import { administratorPath } from '../../rig/lifetime/administrator-env.js';

const execute = promisify(execFile);
const headBytes = 64 * 1024;
/** Of U-Boot's legacy image: its header and the lengths of one script. */
const scriptHeadBytes = 64 + 8;

/** Runs a tool of this host. What debugfs says goes to standard error even when all is well; its exit code says nothing. */
async function tool(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute(program, args, {
    env: { ...process.env, PATH: administratorPath(), MTOOLSRC: '/dev/null' },
  });
  return stdout;
}

/** A sparse copy of a built image, to be broken on purpose. Every edit checks that it changed something. */
export class ImageCopy implements AsyncDisposable {
  readonly path: string;
  readonly #original: string;
  readonly #folder: string;
  readonly #partitions: readonly GptPartition[];

  private constructor(
    original: string,
    { folder, path, partitions }: { folder: string; path: string; partitions: readonly GptPartition[] },
  ) {
    this.#original = original;
    this.#folder = folder;
    this.path = path;
    this.#partitions = partitions;
  }

  static async of(image: string): Promise<ImageCopy> {
    const folder = await mkdtemp(join(tmpdir(), 'boardrig-mutant-'));
    const path = join(folder, 'mutant.img');
    await tool('cp', '--sparse=always', '--reflink=auto', image, path);
    await chmod(path, 0o600);
    await using file = await open(path, 'r');
    const head = Buffer.alloc(headBytes);
    await file.read(head, 0, headBytes, 0);
    const table = readGpt(head);
    if (!table) throw new Error(`${image} has no partition table`);
    return new ImageCopy(image, { folder, path, partitions: table.partitions });
  }

  /** Replaces `from` by `to` in a file of the first root. */
  async editRoot(file: string, from: string | RegExp, to: string): Promise<void> {
    const before = await tool('debugfs', '-R', `cat ${file}`, this.#inside('resin-rootA'));
    await this.replaceInRoot(file, replaced(before, { from, to, where: file }));
  }

  /** Gives a file of the first root another content; it keeps its mode. */
  async replaceInRoot(file: string, content: string): Promise<void> {
    const place = this.#inside('resin-rootA');
    const mode = /Mode:\s+(\d+)/.exec(await tool('debugfs', '-R', `stat ${file}`, place))?.[1];
    if (mode === undefined) throw new Error(`${file} is not there`);
    await tool('debugfs', '-w', '-R', `rm ${file}`, place);
    await this.addToRoot(file, { content, mode: Number.parseInt(mode, 8) });
  }

  /** Puts a new file into the first root. */
  async addToRoot(
    file: string,
    { content, mode }: { readonly content: string; readonly mode: number },
  ): Promise<void> {
    const place = this.#inside('resin-rootA');
    const local = join(this.#folder, 'edited');
    await writeFile(local, content);
    await chmod(local, mode);
    await tool('debugfs', '-w', '-R', `write ${local} ${file}`, place);
    await rm(local);
    if ((await tool('debugfs', '-R', `cat ${file}`, place)) !== content)
      throw new Error(`Cannot write ${file}`);
  }

  /** Replaces `from` by `to` in the script that U-Boot runs from the boot partition. */
  async editBootScript(from: string | RegExp, to: string): Promise<void> {
    const place = `${this.path}@@${this.#partition('resin-boot').startBytes}`;
    const local = join(this.#folder, 'boot.scr');
    await tool('mcopy', '-o', '-i', place, '::boot.scr', local);
    const script = (await readFile(local)).subarray(scriptHeadBytes).toString();
    await writeFile(
      local,
      writeUbootScript(replaced(script, { from, to, where: 'boot.scr' }), { name: 'mutant' }),
    );
    await tool('mcopy', '-o', '-i', place, local, '::boot.scr');
  }

  /** Gives a partition another name in the partition table. */
  async renamePartition(name: string, other: string): Promise<void> {
    await tool('sfdisk', '-q', '--part-label', this.path, String(this.#partition(name).number), other);
  }

  async relabelFilesystem(partition: string, label: string): Promise<void> {
    await tool('debugfs', '-w', '-R', `ssv volume_name ${label}`, this.#inside(partition));
  }

  async setPartitionType(partition: string, guid: string): Promise<void> {
    await tool('sfdisk', '-q', '--part-type', this.path, String(this.#partition(partition).number), guid);
  }

  async copyPartition(from: string, to: string): Promise<void> {
    const [source, target] = [this.#partition(from), this.#partition(to)];
    const blocks = (bytes: number) => String(bytes / (1024 * 1024));
    await tool(
      'dd',
      ...[`if=${this.path}`, `of=${this.path}`, 'bs=1M', 'conv=notrunc,sparse', 'status=none'],
      ...[
        `skip=${blocks(source.startBytes)}`,
        `seek=${blocks(target.startBytes)}`,
        `count=${blocks(source.sizeBytes)}`,
      ],
    );
  }

  /** Says beside it what it is, as a build does; nothing may be edited after that. */
  async describe(): Promise<void> {
    const manifest = await readManifest(this.#original);
    if (!manifest) throw new Error(`${this.#original} has no manifest`);
    const sidecars = await readSidecars(this.#original, { manifest });
    await sidecars.write({ path: this.path, ranges: [] });
  }

  /** Lays the original's block map beside it, without what lies in a partition. */
  async mapWithout(partition: string): Promise<void> {
    const { startBytes, sizeBytes } = this.#partition(partition);
    const original = parseBmap(await readFile(bmapPathOf(this.#original)), this.#original);
    const whole = { start: 0, end: original.imageBytes ?? 0 };
    const others = gapsBetween([{ start: startBytes, end: startBytes + sizeBytes }], whole);
    const map = blockRanges(
      intersectRanges(original.ranges, others).map(({ start, end }) => ({ first: start, last: end - 1 })),
    );
    const { ranges } = await hashImage(this.path, map, {});
    await writeFile(bmapPathOf(this.path), writeBmap(map, { imageBytes: whole.end, hashes: ranges }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  #partition(name: string): GptPartition {
    const found = this.#partitions.find((partition) => partition.name === name);
    if (!found) throw new Error(`There is no partition ${name}`);
    return found;
  }

  /** The place of a file system inside the image, as e2fsprogs takes it. */
  #inside(name: string): string {
    return `${this.path}?offset=${this.#partition(name).startBytes}`;
  }
}

/** A mutation that changes nothing proves nothing: the image has moved on and the mutation must follow. */
function replaced(
  text: string,
  { from, to, where }: { from: string | RegExp; to: string; where: string },
): string {
  const changed = text.replace(from, () => to);
  if (changed !== text) return changed;
  throw new Error(`The mutation finds no ${String(from)} in ${where}`);
}
