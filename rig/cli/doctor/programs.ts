import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../config/package.js';
import { firstLine, messageOf } from '../../contracts/errors.js';
import { administratorPath } from '../../lifetime/administrator-env.js';
import { findExecutable } from '../../lifetime/find-executable.js';
import type { Check } from './check.js';

/** Group, Debian package, and the programs or files that the rig needs of it; the list that set-up installs from. */
type PackageList = Readonly<
  Record<'run' | 'full' | 'night' | 'test' | 'labhost' | 'bench', Readonly<Record<string, readonly string[]>>>
>;

/** Programs whose version matters enough to be shown. */
const versioned = new Set(['qemu-system-aarch64', 'qemu-system-x86_64', 'qemu-img', 'chromium']);
const purposes = {
  run: 'virtual boards',
  full: 'rig image build full',
  night: 'rig nightly',
  test: 'npm test',
  labhost: 'npm run test:labhost',
  bench: 'npm run bench',
};

/** One check for each Debian package that the rig uses: `bad` when a board needs it, `warn` when only tests do. */
export async function checkPrograms(path: string): Promise<Check[]> {
  const file = join(packageRoot, 'rig/setup/debian-packages.json');
  const list = JSON.parse(readFileSync(file, 'utf8')) as PackageList;
  const groups = ['run', 'full', 'night', 'test', 'labhost', 'bench'] as const;
  return Promise.all(
    groups.flatMap((group) =>
      Object.entries(list[group]).map(async ([name, needed]): Promise<Check> => {
        const found = needed.map((program) => ({ program, at: locate(program, path) }));
        const missing = found.filter(({ at }) => at === undefined).map(({ program }) => program);
        if (missing.length > 0) {
          return {
            name,
            state: group === 'run' ? 'bad' : 'warn',
            found: `${missing.join(', ')} missing (for ${purposes[group]})`,
            hint: `apt-get install --no-install-recommends ${name}`,
          };
        }
        return { name, state: 'ok', found: (await Promise.all(found.map(describe))).join(', ') };
      }),
    ),
  );
}

function locate(program: string, path: string): string | undefined {
  if (program.startsWith('/')) return existsSync(program) ? program : undefined;
  return findExecutable(program, { path: administratorPath(path) });
}

async function describe({ program, at }: { program: string; at: string | undefined }): Promise<string> {
  if (at === undefined || !versioned.has(program)) return program;
  try {
    const { stdout } = await promisify(execFile)(at, ['--version'], { timeout: 20_000 });
    return `${program} ${/\d+\.\d+(\.\d+)*/.exec(stdout)?.[0] ?? '(version unknown)'}`;
  } catch (error) {
    return `${program} (cannot be run: ${firstLine(messageOf(error))})`;
  }
}
