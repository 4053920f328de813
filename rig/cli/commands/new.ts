import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { architectures, plainName } from '../../config/names.js';
import type { Architecture } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { CommandInput, CommandIo } from '../command.js';
import { driverTemplate, driverTestTemplate, registered } from './new/driver-templates.js';
import { boardTemplate, labTemplate, suiteTemplate } from './new/templates.js';

/** `rig new board NAME`: a board type here, and a lab file where there is none. */
export async function board(input: CommandInput, io: CommandIo): Promise<number> {
  const name = nameOf(input);
  const arch = architectures.find((each) => each === (input.options.arch ?? 'arm64'));
  if (!arch) throw badInput(`--arch must be one of ${architectures.join(', ')}`);
  const files = new Map([[`${name}.yaml`, boardTemplate({ name, arch: arch as Architecture })]]);
  const hasLab = existsSync(join(io.cwd, 'lab.yaml'));
  if (!hasLab) files.set('lab.yaml', labTemplate(name));
  write(files, io);
  if (hasLab)
    io.out(`Put this below "boards:" in lab.yaml:\n${labTemplate(name).replace(/^boards:\n/m, '')}`);
  io.out(`Next: set the drivers in lab.yaml (docs/wire-a-board.md), then: rig check ${name}\n`);
  return exitCodes.passed;
}

/** `rig new suite NAME`: a suite here, which passes on any board with a shell. */
export async function suite(input: CommandInput, io: CommandIo): Promise<number> {
  const name = nameOf(input);
  write(new Map([[`${name}.ts`, suiteTemplate(name)]]), io);
  io.out(`Next: rig run ./${name}.ts --board virt-arm64\n`);
  return exitCodes.passed;
}

/** `rig new driver NAME`: a power switch in this checkout, with its test and its entry in the registry. */
export async function driver(input: CommandInput, io: CommandIo): Promise<number> {
  const name = nameOf(input);
  const registryPath = join(io.cwd, 'rig/cli/registry.ts');
  if (!existsSync(registryPath) || !existsSync(join(io.cwd, 'drivers')))
    throw badInput('Drivers are part of the project: this is no checkout of boardrig, where drivers/ is');
  const registry = registered(readFileSync(registryPath, 'utf8'), name);
  if (registry === undefined) throw badInput('rig/cli/registry.ts has no list of drivers');
  write(
    new Map([
      [`drivers/power/${name}.ts`, driverTemplate(name)],
      [`test/power-${name}.test.ts`, driverTestTemplate(name)],
    ]),
    io,
  );
  writeFileSync(registryPath, registry);
  io.out(`entered power-${name} in rig/cli/registry.ts\n`);
  io.out(
    `Next: npm run build && npm test -- power-${name}; then its rows in drivers/README.md and docs/lab-file.md\n`,
  );
  return exitCodes.passed;
}

function nameOf(input: CommandInput): string {
  const checked = plainName.safeParse(input.args[0]);
  if (checked.success) return checked.data;
  throw badInput(
    `${JSON.stringify(input.args[0])} is ${checked.error.issues[0]?.message.replace(/^a name/, 'no name')}`,
  );
}

/** All or nothing, and never over a file that is there. */
function write(files: ReadonlyMap<string, string>, io: CommandIo): void {
  const there = [...files.keys()].filter((name) => existsSync(join(io.cwd, name)));
  if (there.length > 0) throw badInput(`${there.join(', ')} is there already, and nothing was written`);
  for (const [name, text] of files) {
    writeFileSync(join(io.cwd, name), text, { flag: 'wx' });
    io.out(`wrote ${name}\n`);
  }
}

function badInput(message: string): RigError {
  return new RigError(message, {
    code: 'config.bad-option',
    blame: 'config',
    hint: 'rig new board --help, rig new driver --help and rig new suite --help tell more.',
  });
}
