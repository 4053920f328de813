import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { inspectBundle } from '../../../qemu/image/bundle/inspect-bundle.js';
import { copyImage } from '../../../qemu/image/copy.js';
import { type ImageFacts, inspectImage } from '../../../qemu/image/inspect.js';
import { visibleLine } from '../../../reports/visible.js';
import { cacheDir } from '../../config/folders.js';
import { exitCodes } from '../../contracts/verdict.js';
import { buildReferenceImage } from '../build-image.js';
import type { CommandInput, CommandIo } from '../command.js';
import { imageOfBoardType } from './image/board-image.js';
import { describeBundle } from './image/bundle.js';
import { listed } from './image/listed.js';
import { oneOf, requestOf } from './image/request.js';

/** `rig image build FLAVOUR`: where the image is, its hash and size; what is done meanwhile goes to standard error. */
export async function build({ args, options }: CommandInput, io: CommandIo): Promise<number> {
  const flavour = oneOf('flavour', args[0], ['tiny', 'full']);
  const request =
    typeof options.board === 'string'
      ? { ...requestOf(flavour, options), ...(await imageOfBoardType(options.board, io)) }
      : requestOf(flavour, options);
  const startedMs = performance.now();
  const built = await buildReferenceImage(request, {
    cacheDir: cacheDir(io.env),
    noCache: options.cache === false,
    refresh: options.refresh === true,
    flasher: options.flasher === true,
    signal: io.signal,
    progress: (line) => io.err(`${line}\n`),
  });
  const image =
    typeof options.output === 'string'
      ? await copyImage(built, { folder: resolve(io.cwd, options.output), signal: io.signal })
      : built;
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  if (options.json) io.out(`${JSON.stringify({ ...image, seconds })}\n`);
  else {
    const how = image.cached ? 'from the cache' : 'built';
    io.out(`${image.path}\nsha256 ${image.sha256}\n${image.sizeBytes} bytes, ${how} in ${seconds} s\n`);
  }
  return exitCodes.passed;
}

/** `rig image inspect IMAGE`; a bundle too. */
export async function inspect({ args, options }: CommandInput, io: CommandIo): Promise<number> {
  const path = resolve(io.cwd, String(args[0]));
  const content = existsSync(path) ? await inspectBundle(path, { signal: io.signal }) : undefined;
  if (content) {
    io.out(options.json ? `${JSON.stringify(content)}\n` : describeBundle(content));
    return exitCodes.passed;
  }
  const facts = await inspectImage(path, { signal: io.signal });
  io.out(options.json ? `${JSON.stringify(facts)}\n` : describe(facts));
  return exitCodes.passed;
}

function describe(facts: ImageFacts): string {
  const lines: [string, string | undefined][] = [
    ['path', facts.path],
    ['sha256', facts.sha256],
    ['size', `${facts.sizeBytes} bytes`],
    ['format', facts.format],
    ['system', facts.osRelease?.PRETTY_NAME],
    ['architecture', facts.arch],
    ['version', facts.version],
    ['variant', facts.variant],
    ['table', facts.table && `${facts.table} ${facts.diskId}`],
    ['config.json', facts.config === undefined ? undefined : JSON.stringify(facts.config)],
  ];
  const table = facts.partitions.map(
    ({ number, name, startBytes, sizeBytes, filesystem, label, type }) =>
      `  ${number} ${visibleLine(name).padEnd(14)} ${String(startBytes / 2 ** 20).padStart(7)} MiB + ${String(sizeBytes / 2 ** 20).padStart(7)} MiB  ${(filesystem ?? '-').padEnd(5)} ${visibleLine(label ?? '-').padEnd(14)} ${type}\n`,
  );
  const connections = Object.entries(facts.connections ?? {}).flatMap(([name, text]) => [
    `connection ${visibleLine(name)}\n`,
    ...text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `  ${visibleLine(line)}\n`),
  ]);
  return [
    listed(lines),
    ...(table.length > 0
      ? ['partitions: number, name, start, size, file system, its label, type\n', ...table]
      : []),
    ...connections,
  ].join('');
}
