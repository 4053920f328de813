import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { Child } from '../../lifetime/child-process.js';
import { damaged } from './damage.js';
import type { FileSource } from './file.js';

const maxListBytes = 1024 * 1024;

/** The image in a zip file, as a pattern for bsdtar: its only file, or the only one with an image's ending. */
export async function zipMember(
  source: FileSource,
  {
    start,
    signal,
  }: {
    readonly start: (
      program: string,
      options: { args: readonly string[]; debianPackage: string },
    ) => Promise<Child>;
  } & Cancellable,
): Promise<string> {
  const child = await start('bsdtar', { args: ['-tf', source.path], debianPackage: 'libarchive-tools' });
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of child.output ?? []) {
      signal?.throwIfAborted();
      bytes += (chunk as Buffer).length;
      if (bytes > maxListBytes) break;
      parts.push(chunk as Buffer);
    }
  } finally {
    child.output?.destroy();
    if (bytes > maxListBytes || signal?.aborted) child.kill('SIGKILL');
  }
  const { code } = await child.ended;
  if (code !== 0) throw damaged(source, { child, program: 'bsdtar' });
  const files = Buffer.concat(parts)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('/'));
  const images = files.filter((file) => /\.(img|raw|bin|iso|wic|sdcard|rpi-sdimg|hddimg)$/i.test(file));
  const [only, ...others] = files.length === 1 ? files : images;
  if (only === undefined || others.length > 0)
    throw new RigError(
      `${source.name} holds ${files.length} files, not one image: ${files.slice(0, 5).join(', ')}`,
      {
        code: 'flash.image-ambiguous',
        blame: 'config',
        hint: 'Unpack it, and flash one of them.',
        evidence: { image: source.name, files: files.slice(0, 20) },
      },
    );
  // bsdtar takes patterns, and may have shown a name with backslashes for what cannot be printed.
  return only.replace(/[*?[\]\\]/g, '\\$&');
}
