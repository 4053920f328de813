import { RigError } from '../../rig/contracts/errors.js';
import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import { fullRecipe } from './full/recipe.js';
import type { Recipe } from './recipe.js';
import { tinyRecipe } from './tiny.js';

/**
 * How the image of `request` is made.
 *
 * @throws RigError `image.no-reference` (blame: config) when there is no such flavour for that architecture
 */
export function recipeOf(request: BuildRequest): Recipe {
  const { flavour, arch, extras = [] } = request;
  if (flavour === 'full' && arch === 'amd64') return fullRecipe(extras);
  if (flavour === 'tiny' && extras.length === 0) return tinyRecipe(request);
  throw new RigError(
    extras.length > 0 && flavour === 'tiny'
      ? `The tiny flavour comes without extras: ${extras.join(', ')}`
      : `There is no reference image of flavour ${flavour} for ${arch}`,
    {
      code: 'image.no-reference',
      blame: 'config',
      hint: 'The full flavour is made for amd64, with --with engine if wanted; tiny for arm64 and amd64.',
    },
  );
}
