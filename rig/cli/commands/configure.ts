import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { text as streamText } from 'node:stream/consumers';
import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { type ConfigChange, parseAssignment, parsePath } from '../../image/config-json.js';
import { configureImage } from '../../image/configure.js';
import { isEmpty, type Settings, secretsOf } from '../../image/settings.js';
import type { CommandInput, CommandIo } from '../command.js';
import { OptionReader } from '../read-options.js';
import { askSettings } from './configure/ask.js';

const read = new OptionReader('rig configure');

/** `rig configure IMAGE`: what changed goes to standard output; nothing that is secret does. */
export async function run({ args, options }: CommandInput, io: CommandIo): Promise<number> {
  const image = resolve(io.cwd, String(args[0]));
  const given = await settingsOf(options, io);
  io.hide(secretsOf(given));
  const settings = isEmpty(given) ? await asked(io) : given;
  io.hide(secretsOf(settings));
  const [{ readSidecars }, { readManifest }, { keyFileOf }] = await Promise.all([
    import('../../../qemu/image/sidecars.js'),
    import('../../../qemu/image/manifest.js'),
    import('../../../qemu/image/ssh-key-file.js'),
  ]);
  const manifest = await readManifest(image).catch(() => undefined);
  const sidecars = await readSidecars(image, {
    manifest,
    sshKeyFile: manifest === undefined ? undefined : keyFileOf(image),
  });
  const { output } = options;
  const { signal } = io;
  const configured = await configureImage(image, settings, {
    output: typeof output === 'string' ? resolve(io.cwd, output) : undefined,
    partition: options.partition as string | undefined,
    signal,
  });
  await sidecars.write({ path: configured.path, ranges: configured.changed, signal });
  const { path, partition, files } = configured;
  if (options.json) io.out(`${JSON.stringify({ path, partition, files })}\n`);
  else if (files.length === 0) io.out(`${path}\nnothing to change: the image is configured so already\n`);
  else io.out(`${path}\n${files.map((file) => `wrote ${file}\n`).join('')}`);
  return exitCodes.passed;
}

async function settingsOf(options: CommandInput['options'], io: CommandIo): Promise<Settings> {
  const texts = (name: string): readonly string[] => (options[name] as string[] | undefined) ?? [];
  const text = (name: string): string | undefined => options[name] as string | undefined;
  const ssid = text('ssid');
  const key = await networkKey(text('networkKey'), text('networkKeyFile'), io);
  if (key !== undefined && ssid === undefined)
    throw read.bad('--network-key and --network-key-file need --ssid: the network that the key opens');
  const changes: ConfigChange[] = [
    ...texts('set').map(parseAssignment),
    ...texts('unset').map((path) => ({ path: parsePath(path), value: undefined })),
  ];
  return {
    hostname: text('hostname'),
    wifi: ssid === undefined ? undefined : { ssid, key },
    persistentLogging: options.persistentLogging as boolean | undefined,
    sshKeys: (await Promise.all(texts('sshKey').map((one) => sshKeys(one, io)))).flat(),
    connections: await Promise.all(
      texts('connection').map(async (path) => ({
        name: basename(path),
        text: await fileText(resolve(io.cwd, path), '--connection'),
      })),
    ),
    changes,
  };
}

async function asked(io: CommandIo): Promise<Settings> {
  if (!io.terminal)
    throw read.bad('Nothing to configure: no setting was given, and there is no terminal to ask on');
  const settings = await askSettings({ signal: io.signal, readSshKey: (one) => sshKeys(one, io) });
  if (isEmpty(settings)) throw read.bad('Nothing to configure: every question was left empty');
  return settings;
}

/** On a command line everybody who lists processes can read it; from a file or a pipe nobody can. */
async function networkKey(
  given: string | undefined,
  file: string | undefined,
  io: CommandIo,
): Promise<string | undefined> {
  if (given !== undefined && file !== undefined)
    throw read.bad('--network-key and --network-key-file exclude each other');
  if (file === undefined) return given;
  const text =
    file === '-'
      ? await streamText(process.stdin)
      : await fileText(resolve(io.cwd, file), '--network-key-file');
  return text.replace(/\r?\n$/, '');
}

/** A key itself, or a file of public keys, one a line. */
async function sshKeys(given: string, io: CommandIo): Promise<string[]> {
  const text = /^(ssh-|ecdsa-|sk-)\S+ /.test(given)
    ? given
    : await fileText(resolve(io.cwd, given), '--ssh-key');
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

async function fileText(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new RigError(`Cannot read what ${option} names: ${(cause as Error).message}`, {
      code: 'cli.unreadable-file',
      blame: 'config',
      hint: 'Give the path of a file that you may read.',
      cause,
    });
  }
}
