import { loadBoardType } from '../../../config/board-type.js';
import { Problems } from '../../../config/problems.js';
import { RigError } from '../../../contracts/errors.js';
import type { BuildRequest } from '../../../contracts/image-builder.js';
import type { CommandIo } from '../../command.js';

/**
 * Which reference image boards of the type `reference` (a built-in's name or a path) boot.
 *
 * @throws RigError (blame: config) for a type that cannot be read
 */
export async function imageOfBoardType(
  reference: string,
  io: Pick<CommandIo, 'cwd' | 'env'>,
): Promise<Pick<BuildRequest, 'arch' | 'board'>> {
  const problems = new Problems();
  const found = await loadBoardType(reference, io.cwd, { cwd: io.cwd, env: io.env, problems });
  problems.throwIfAny();
  if (!found)
    throw new RigError(`Cannot read the board type ${JSON.stringify(reference)}`, {
      code: 'config.unknown-board-type',
      blame: 'config',
      hint: 'rig boards lists the built-in ones.',
    });
  const { arch, image } = found.type;
  return { arch, ...(image === undefined ? {} : { board: image }) };
}
