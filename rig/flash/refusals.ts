import { RigError } from '../contracts/errors.js';
import type { MediumName } from './medium/faults.js';

/** @param imageBytes absent for a stream, of which only so much is known that it does not fit */
export function tooLarge(
  image: string,
  {
    medium,
    imageBytes,
  }: {
    readonly medium: MediumName & { readonly sizeBytes: number };
    readonly imageBytes: number | undefined;
  },
): RigError {
  return new RigError(
    `${medium.path} has ${medium.sizeBytes} bytes, and the image ${image} ${imageBytes ?? 'more'}`,
    {
      code: 'flash.image-too-large',
      blame: 'config',
      hint: 'Take a larger medium or a smaller image.',
      evidence: { image, imageBytes: imageBytes ?? null, medium: medium.path, mediumBytes: medium.sizeBytes },
    },
  );
}

export function otherMap(
  image: string,
  { mapBytes, imageBytes }: { readonly mapBytes: number; readonly imageBytes: number },
): RigError {
  return new RigError(
    `The image ${image} has ${imageBytes} bytes, and its block map is for one of ${mapBytes}`,
    {
      code: 'flash.bmap-other-image',
      blame: 'config',
      hint: 'Give the map that was made with this image (--bmap), or flash without one (--no-bmap).',
      evidence: { image, imageBytes, mapBytes },
    },
  );
}

export function endsEarly(
  image: string,
  { mapBytes, imageBytes }: { readonly mapBytes: number; readonly imageBytes: number },
): RigError {
  return new RigError(
    `The image ${image} ends after ${imageBytes} of the ${mapBytes} bytes that its block map tells`,
    {
      code: 'flash.image-truncated',
      blame: 'config',
      hint: 'Download or pack it again.',
      evidence: { image, imageBytes, mapBytes },
    },
  );
}
