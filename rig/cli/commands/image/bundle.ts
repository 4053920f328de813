import { copyFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buildBundleOf } from '../../../../qemu/image/bundle/build-bundle.js';
import type { BundleContent } from '../../../../qemu/image/bundle/inspect-bundle.js';
import { cacheDir } from '../../../config/folders.js';
import { exitCodes } from '../../../contracts/verdict.js';
import { buildReferenceBundle } from '../../build-image.js';
import type { CommandInput, CommandIo } from '../../command.js';
import { listed } from './listed.js';
import { oneOf, requestOf } from './request.js';

const faults = ['no-init', 'panic', 'hang', 'engine', 'network', 'never-good', 'reboot-loop'] as const;

/** `rig image bundle [IMAGE]`: where the bundle is, what it is for, its hash and size. */
export async function bundle({ args, options }: CommandInput, io: CommandIo): Promise<number> {
  const what = String(args[0] ?? 'tiny');
  const fault = options.fault === undefined ? undefined : oneOf('--fault', options.fault, faults);
  const choice = {
    ...(fault === undefined ? {} : { fault }),
    ...(typeof options.compatible === 'string' ? { compatible: options.compatible } : {}),
  };
  const buildOptions = {
    cacheDir: cacheDir(io.env),
    noCache: options.cache === false,
    signal: io.signal,
    progress: (line: string) => io.err(`${line}\n`),
  };
  const built =
    what === 'tiny' || what === 'full'
      ? await buildReferenceBundle({ ...requestOf(what, options), ...choice }, buildOptions)
      : await buildBundleOf(resolve(io.cwd, what), { ...choice, options: buildOptions });
  const path = typeof options.output === 'string' ? resolve(io.cwd, options.output) : built.path;
  if (path !== built.path) await copyFile(built.path, path);
  const { version, compatible, sha256, sizeBytes, cached } = built;
  if (options.json) io.out(`${JSON.stringify({ ...built, path })}\n`);
  else {
    io.out(`${path}\nversion ${version} for ${compatible}\nsha256 ${sha256}\n`);
    io.out(`${sizeBytes} bytes, ${cached ? 'from the cache' : 'built'}\n`);
  }
  return exitCodes.passed;
}

/** What a bundle says of itself, a line each. */
export function describeBundle(content: BundleContent): string {
  const lines: [string, string | undefined][] = [
    ['path', content.path],
    ['sha256', content.sha256],
    ['size', `${content.sizeBytes} bytes`],
    ['bundle', content.format],
    ['compatible', content.compatible],
    ['version', content.version],
    ['signer', content.signer],
    ...content.images.map(({ slot, sizeBytes }): [string, string] => [
      'image',
      `${slot}, ${sizeBytes ?? '?'} bytes`,
    ]),
  ];
  return listed(lines);
}
