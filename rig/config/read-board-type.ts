import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { DeviceProfile, FlasherSigns, MachineSpec } from '../contracts/board.js';
import { RigError } from '../contracts/errors.js';
import { didYouMean } from '../schema/nearest.js';
import { boardTypeSchema } from './board-schema.js';
import { isPathReference, namesIn, type Reading, type TypeWithProfile } from './board-type.js';
import { displayPath } from './display-path.js';
import { packageRoot } from './package.js';
import type { Path, Problems } from './problems.js';
import { profileSchema } from './profile-schema.js';
import { fillSecrets } from './secrets.js';
import { check } from './validate.js';
import { readYaml, type YamlSource } from './yaml-source.js';

/**
 * Reads the board type `reference` (a built-in's name, or a path that counts from `folder`) and its profile from their
 * YAML files. In a module of its own, since `yaml` and `zod` cost more to load than all the rest of the rig's start.
 *
 * @param referredBy the place that names it, for an unknown name
 * @returns undefined when something was wrong, which is then in `reading.problems`
 */
export async function readBoardType(
  reference: string,
  folder: string,
  reading: Reading & { readonly referredBy?: { readonly source: YamlSource; readonly path: Path } },
): Promise<TypeWithProfile | undefined> {
  const found = await find({ reference, folder, kind: 'boards', what: 'board type', ...reading });
  if (!found) return undefined;
  const { source, path, own } = found;
  const { problems } = reading;
  const data = fillSecrets(source.data, {
    env: reading.env,
    found: problems.secrets,
    problem: (at, message) =>
      problems.add({ place: source.placeOf(at), path: at, message, code: 'config.missing-secret' }),
  });
  const read = check(boardTypeSchema, source, { path: [], data, problems });
  if (!read) return undefined;
  const profile = await loadProfile(read.profile, dirname(path), {
    ...reading,
    referredBy: { source, path: ['profile'] },
  });
  const machine = read.machine && resolveMachine(read.machine, dirname(path));
  if (own && machine) reportMissingFiles(machine, source, problems);
  if (!profile) return undefined;
  const { memory, ...inventory } = read.inventory;
  const { budgets, flasher, machine: _, ...rest } = read;
  return {
    profile,
    type: {
      ...rest,
      name: read.name ?? basename(path).replace(/\.ya?ml$/, ''),
      ...(machine ? { machine } : {}),
      ...(flasher ? { flasher: flasherSigns(flasher) } : {}),
      profile: profile.name,
      inventory: { ...inventory, ...(memory === undefined ? {} : { memoryMiB: memory }) },
      budgetsMs: budgets,
    },
  };
}

async function loadProfile(
  reference: string,
  folder: string,
  reading: Parameters<typeof readBoardType>[2],
): Promise<DeviceProfile | undefined> {
  const found = await find({ reference, folder, kind: 'profiles', what: 'device profile', ...reading });
  if (!found) return undefined;
  const read = check(profileSchema, found.source, {
    path: [],
    data: found.source.data,
    problems: reading.problems,
  });
  return read && { ...read, name: read.name ?? basename(found.path).replace(/\.ya?ml$/, '') };
}

async function find({
  reference,
  folder,
  kind,
  what,
  cwd,
  problems,
  referredBy,
}: Parameters<typeof readBoardType>[2] & {
  reference: string;
  folder: string;
  kind: 'boards' | 'profiles';
  what: string;
}): Promise<{ source: YamlSource; path: string; own: boolean } | undefined> {
  const own = isPathReference(reference);
  const known = namesIn(kind);
  if (!own && !known.includes(reference)) {
    const message = `unknown ${what} ${JSON.stringify(reference)}${didYouMean(reference, known)}, expected one of ${known.join(', ')}, or a path such as ./${reference}.yaml`;
    const path = referredBy?.path ?? [];
    problems.add({
      place: referredBy?.source.placeOf(path) ?? { file: reference },
      path,
      message,
      code: kind === 'boards' ? 'config.unknown-board-type' : 'config.unknown-profile',
    });
    return undefined;
  }
  const path = own ? resolve(folder, reference) : join(packageRoot, 'rig', kind, `${reference}.yaml`);
  try {
    return { source: await readYaml(path, displayPath(path, cwd)), path, own };
  } catch (error) {
    if (!(error instanceof RigError)) throw error;
    const path = referredBy?.path ?? [];
    // A file that cannot be read is a problem of the line that names it; a mistake inside it has its own place.
    const outside = error.code === 'config.unreadable' && referredBy;
    problems.add({
      place: outside ? outside.source.placeOf(path) : (error.place ?? { file: reference }),
      path: outside ? path : [],
      message: error.message,
      code: error.code as `config.${string}`,
    });
    return undefined;
  }
}

function flasherSigns({
  budget,
  ...signs
}: NonNullable<ReturnType<typeof boardTypeSchema.parse>['flasher']>): FlasherSigns {
  return { ...signs, budgetMs: budget };
}

function resolveMachine(
  {
    memory,
    medium,
    card,
    boot,
    ...machine
  }: NonNullable<ReturnType<typeof boardTypeSchema.parse>['machine']>,
  folder: string,
): MachineSpec {
  const at = (path: string) => (isAbsolute(path) ? path : resolve(folder, path));
  const shared = {
    ...machine,
    memoryMiB: memory,
    ...(medium === undefined ? {} : { mediumMiB: medium }),
    ...(card === undefined ? {} : { cardMiB: card }),
  };
  switch (boot.kind) {
    case 'u-boot':
      return { ...shared, boot: { ...boot, image: at(boot.image) } };
    case 'uefi':
      return { ...shared, boot: { ...boot, code: at(boot.code), variables: at(boot.variables) } };
    case 'kernel':
      return {
        ...shared,
        boot: { ...boot, kernel: at(boot.kernel), ...(boot.initrd ? { initrd: at(boot.initrd) } : {}) },
      };
    // Names on the medium, not of this host's files.
    case 'firmware-files':
    case 'boot-rom':
      return { ...shared, boot };
  }
}

/** Files of built-in types come with Debian's packages, whose absence `rig doctor` explains better. */
function reportMissingFiles(machine: MachineSpec, source: YamlSource, problems: Problems): void {
  if (machine.boot.kind === 'firmware-files') return;
  for (const key of ['image', 'code', 'variables', 'kernel', 'initrd'] as const) {
    const path = (machine.boot as Partial<Record<typeof key, string>>)[key];
    if (path === undefined || existsSync(path)) continue;
    const at = ['machine', 'boot', key];
    problems.add({
      place: source.placeOf(at),
      path: at,
      message: `there is no file ${path} (paths in this file count from its own folder)`,
      code: 'config.missing-file',
    });
  }
}
