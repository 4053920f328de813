import { architectures } from '../../../config/names.js';
import { RigError } from '../../../contracts/errors.js';
import type { BuildRequest } from '../../../contracts/image-builder.js';
import type { CommandInput } from '../../command.js';
import { referenceVersion } from '../../image-ref.js';

/** The reference image that the options of a command mean. @throws RigError `image.bad-request` */
export function requestOf(flavour: 'tiny' | 'full', options: CommandInput['options']): BuildRequest {
  return {
    flavour,
    arch: oneOf('--arch', options.arch ?? (flavour === 'full' ? 'amd64' : 'arm64'), architectures),
    ...(options.with === undefined ? {} : { extras: [oneOf('--with', options.with, ['engine'])] }),
    variant: oneOf('--variant', options.variant, ['dev', 'prod']),
    version: String(options.imageVersion ?? referenceVersion),
  };
}

/** @throws RigError `image.bad-request` when `value` is none of `known` */
export function oneOf<const T extends string>(what: string, value: unknown, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found !== undefined) return found;
  throw new RigError(`Unknown ${what} ${JSON.stringify(value)}`, {
    code: 'image.bad-request',
    blame: 'config',
    hint: `Expected ${known.join(' or ')}.`,
  });
}
