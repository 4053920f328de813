import { type Lab, loadLab } from '../config/lab.js';
import type { CommandInput, CommandIo } from './command.js';
import { drivers } from './registry.js';

/** The lab that a command was told of; from now on nothing prints its secrets. @throws as `loadLab` */
export async function openLab(input: CommandInput, io: CommandIo): Promise<Lab> {
  const file = input.options.lab as string | undefined;
  const lab = await loadLab({ file, cwd: io.cwd, env: io.env, drivers });
  io.hide(lab.secrets);
  return lab;
}
