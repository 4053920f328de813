import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { runProgram } from '../../lifetime/run-program.js';
import { damaged, noUnpacker, wordsOf } from './damage.js';
import type { FileSource } from './file.js';

const maxListBytes = 1024 * 1024;
const listMs = 60_000;
const imageName = /\.(img|raw|bin|iso|wic|sdcard|rpi-sdimg|hddimg)$/i;

/** The image in a zip file, as a pattern for bsdtar: its only file, or the only one with an image's ending. */
export async function zipMember(source: FileSource, options: Cancellable): Promise<string> {
  const files = (await list(source, options))
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('/'));
  const [only, ...others] = files.length === 1 ? files : files.filter((file) => imageName.test(file));
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
  // bsdtar takes patterns.
  return only.replace(/[*?[\]\\]/g, '\\$&');
}

async function list(source: FileSource, { signal }: Cancellable): Promise<string> {
  try {
    const { code, stdout, stderr } = await runProgram('bsdtar', ['-tf', source.path], {
      signal,
      timeoutMs: listMs,
      captureBytes: maxListBytes,
      allowedCodes: [0, 1],
    });
    if (code !== 0) throw damaged(source, wordsOf({ stderr, end: `exit code ${code}`, program: 'bsdtar' }));
    return stdout;
  } catch (error) {
    if (!(error instanceof RigError) || error.code !== 'process.missing') throw error;
    throw noUnpacker('bsdtar', 'libarchive-tools', error);
  }
}
