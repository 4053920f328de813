import { join } from 'node:path';
import { cacheDir } from '../../config/folders.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { CommandInput, CommandIo } from '../command.js';
import type { Check } from '../doctor/check.js';
import {
  checkAccelerator,
  checkFolder,
  checkMemory,
  checkNode,
  checkProcessor,
  checkSerialPorts,
} from '../doctor/machine.js';
import { checkPrograms } from '../doctor/programs.js';

/** `rig doctor`: what this machine has of what the rig needs. Exits 1 when something needed is missing. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const checks: Check[] = [
    checkNode(),
    checkProcessor(),
    checkAccelerator(),
    checkMemory(),
    checkFolder('cache', cacheDir(io.env)),
    checkFolder('runs', join(io.cwd, 'runs')),
    checkSerialPorts(),
    ...(await checkPrograms(io.env.PATH ?? '')),
  ];
  io.out(input.options.json === true ? `${JSON.stringify(checks, null, 2)}\n` : table(checks));
  return checks.some((check) => check.state === 'bad') ? exitCodes.failed : exitCodes.passed;
}

function table(checks: readonly Check[]): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const lines = checks.flatMap(({ name, state, found, hint }) => [
    `${state.padEnd(4)}  ${name.padEnd(width)}  ${found}`,
    ...(hint === undefined ? [] : [`${' '.repeat(width + 8)}→ ${hint}`]),
  ]);
  const bad = checks.filter((check) => check.state === 'bad').length;
  const warn = checks.filter((check) => check.state === 'warn').length;
  lines.push(
    bad > 0
      ? `${bad} bad, ${warn} to know`
      : warn > 0
        ? `All needed is here; ${warn} to know`
        : 'All is well',
  );
  return `${lines.join('\n')}\n`;
}
