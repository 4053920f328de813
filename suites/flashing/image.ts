import type { Image, TestContext } from '../../rig/mod.js';

/** The image of the run, which a test of flashing cannot do without. */
export function imageOf(t: TestContext): Image {
  const { image } = t.board;
  if (image) return image;
  return t.skip('the run has no image to flash');
}

/** The image of the run; ends the test where the medium that the rig can take out is not the one that the board boots from. */
export function bootImageOf(t: TestContext): Image {
  if (t.board.type.flash === 'flasher')
    t.skip('what the rig can take out of this board is not what it boots from');
  return imageOf(t);
}
