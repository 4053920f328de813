import { type Image, installsItself, type TestContext } from '../../rig/mod.js';

/** The image of the run, which a test of flashing cannot do without. */
export function imageOf(t: TestContext): Image {
  const { image } = t.board;
  if (image) return image;
  return t.skip('the run has no image to flash');
}

/** The image of the run; ends the test where the board boots from what that image installs. */
export function bootImageOf(t: TestContext): Image {
  if (installsItself(t.board.type)) t.skip('the image of the run is a flasher, which installs another one');
  return imageOf(t);
}
