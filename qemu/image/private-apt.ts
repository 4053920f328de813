import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import type { ProgramResult } from '../../rig/lifetime/run-program.js';
import type { Toolbox } from './toolbox.js';

/** The Debian release that the package lists of the reference OS are made for. */
export const release = 'bookworm';

/**
 * An apt of our own for a foreign architecture: its state lies in `folder`, its archives and ways to reach them
 * (proxies, keys) are this host's, and its hooks are nobody's. The host's own apt state is never touched.
 */
export class PrivateApt {
  readonly #folder: string;
  readonly #arch: string;
  readonly #tools: Toolbox;

  private constructor(folder: string, { arch, tools }: { arch: string; tools: Toolbox }) {
    this.#folder = folder;
    this.#arch = arch;
    this.#tools = tools;
  }

  static async create(folder: string, options: { arch: string; tools: Toolbox }): Promise<PrivateApt> {
    const apt = new PrivateApt(folder, options);
    for (const name of ['lists/partial', 'archives/partial', 'parts', 'sources'])
      await mkdir(join(folder, name), { recursive: true });
    // apt drops to the user _apt for downloads when it is root; our folders are closed to that user.
    await chmod(folder, 0o700);
    await writeFile(join(folder, 'status'), '');
    for (const { name, text } of debianSources()) await writeFile(join(folder, 'sources', name), text);
    const host = await options.tools.run('apt-config', ['dump'], { captureBytes: 1024 * 1024 });
    const reach = host.stdout.split('\n').filter((line) => /^Acquire::/.test(line));
    await writeFile(join(folder, 'apt.conf'), apt.#config(reach), { mode: 0o600 });
    return apt;
  }

  /**
   * Reads the package lists. An archive in the middle of an update has lists that are not those that its signature vouches for: of
   * the security archive they are left out then, since what the main one has is signed too and boots as well.
   *
   * @throws RigError `process.failed`
   */
  async update(progress: (line: string) => void): Promise<void> {
    try {
      await this.run(['update', '-q']);
    } catch (error) {
      if (!doesNotFit(error)) throw error;
      await this.#withoutSecurity(error);
      progress(
        `the lists of ${security} for ${this.#arch} do not fit their signature now: going on without them`,
      );
    }
  }

  /** @throws `error` when it was not the security archive's lists alone */
  async #withoutSecurity(error: unknown): Promise<void> {
    const sources = join(this.#folder, 'sources');
    await rm(sources, { recursive: true });
    await mkdir(sources);
    for (const { name, text } of debianSources(
      '/etc/apt',
      suites.filter((suite) => suite !== security),
    ))
      await writeFile(join(sources, name), text);
    await this.run(['update', '-q']).catch(() => {
      throw error;
    });
  }

  async run(args: readonly string[], options: Cancellable & { cwd?: string } = {}): Promise<ProgramResult> {
    return this.#tools.run('apt-get', args, {
      ...options,
      captureBytes: 1024 * 1024,
      env: { APT_CONFIG: join(this.#folder, 'apt.conf') },
    });
  }

  #config(reach: readonly string[]): string {
    const set = (key: string, value: string): string => `${key} "${value}";`;
    const at = (name: string): string => join(this.#folder, name);
    return [
      ...reach,
      set('APT::Architecture', this.#arch),
      set('APT::Architectures', this.#arch),
      set('APT::Sandbox::User', 'root'),
      set('APT::Update::Error-Mode', 'any'),
      set('Acquire::Languages', 'none'),
      set('Acquire::Retries', '2'),
      set('Dir::State', this.#folder),
      set('Dir::State::lists', at('lists')),
      set('Dir::State::status', at('status')),
      set('Dir::Cache', this.#folder),
      set('Dir::Cache::archives', at('archives')),
      set('Dir::Etc::main', '/dev/null'),
      set('Dir::Etc::parts', at('parts')),
      set('Dir::Etc::sourcelist', '/dev/null'),
      set('Dir::Etc::sourceparts', at('sources')),
      '',
    ].join('\n');
  }
}

/**
 * This host's sources of Debian's own archive, with no other archive among them.
 *
 * @throws RigError `image.no-sources`
 */
export function debianSources(
  folder = '/etc/apt',
  wanted: readonly string[] = suites,
): { name: string; text: string }[] {
  const files = [
    'sources.list',
    ...list(join(folder, 'sources.list.d')).map((name) => `sources.list.d/${name}`),
  ];
  const found = files.flatMap((file) => {
    const text = read(join(folder, file));
    const kept = file.endsWith('.sources')
      ? text
          .split(/\n\s*\n/)
          .filter((stanza) => isDebian(field(stanza, 'Suites'), field(stanza, 'Components'), wanted))
      : text.split('\n').filter((line) => {
          const [, suite, components] = /^deb\s+(?:\[[^\]]*\]\s*)?\S+\s+(\S+)\s+(.*)$/.exec(line) ?? [];
          return isDebian(suite, components, wanted);
        });
    if (kept.length === 0) return [];
    const deb822 = file.endsWith('.sources');
    return [
      {
        name: `${file.replaceAll('/', '-').replace(/\.(list|sources)$/, '')}.${deb822 ? 'sources' : 'list'}`,
        text: `${kept.map(withoutArchitectures).join(deb822 ? '\n\n' : '\n')}\n`,
      },
    ];
  });
  if (found.length > 0) return found;
  throw new RigError(`Cannot find Debian ${release} among the package sources of this host (${folder})`, {
    code: 'image.no-sources',
    blame: 'rig',
    hint: `The reference OS is made from packages of Debian ${release}: add its archive to ${folder}/sources.list.d.`,
  });
}

const security = `${release}-security`;
const suites = [release, `${release}-updates`, security];

/** A list was there, and is not the one that the archive's signature vouches for. */
function doesNotFit(error: unknown): boolean {
  if (!(error instanceof RigError) || error.code !== 'process.failed') return false;
  return /Hashes of expected file|unexpected size|Hash Sum/.test(error.message);
}

/** Other archives name their suites after the release too, but not their components after Debian's. */
function isDebian(suiteNames = '', components = '', wanted: readonly string[] = suites): boolean {
  const words = (text: string): string[] => text.trim().split(/\s+/);
  return words(components).includes('main') && words(suiteNames).some((suite) => wanted.includes(suite));
}

function field(stanza: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)$`, 'im').exec(stanza)?.[1];
}

/** A host's source may be limited to its own architecture. */
function withoutArchitectures(source: string): string {
  return source
    .replace(/^Architectures:.*\n?/im, '')
    .replace(/^(deb\s+\[[^\]]*?)\barch=[^\s\]]+/, '$1')
    .replace(/^deb\s+\[\s*\]\s*/, 'deb ');
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[\w.-]+\.(list|sources)$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
