import type { DeviceProfile } from '../../../contracts/board.js';
import { RigError } from '../../../contracts/errors.js';
import type { Shell } from '../../../contracts/suite.js';
import { quoted } from '../../shell-text.js';

/** Files that were on the board before the operation, and must be there after a cut: path and sha256, as sha256sum(1) prints them. */
export type Keepsakes = readonly string[];

/** Sizes below, at and far above what one block of a file system holds. */
const sizes = [1, 4096, 300_000];
const folder = 'powercut-kept';

/** Writes files with random content where the product keeps its state and data, and flushes them. @throws RigError `powercut.no-keepsakes` */
export async function leaveKeepsakes(shell: Shell, { mounts }: DeviceProfile): Promise<Keepsakes> {
  const writes = sizes.map((size) => `head -c ${size} /dev/urandom >${folder}/${size}`).join(' && ');
  const places = [mounts.state, mounts.data].map(
    (mount) => `cd ${quoted(mount)} && mkdir -p ${folder} && ${writes}`,
  );
  await shell.text(`${places.join(' && ')} && sync`);
  const there = await keepsakesOn(shell, { mounts });
  if (there.length === places.length * sizes.length) return there;
  throw new RigError(
    `Of ${places.length * sizes.length} files that were written, ${there.length} can be read`,
    {
      code: 'powercut.no-keepsakes',
      blame: 'board',
      hint: 'Without them nobody would see that data is lost. The board needs sha256sum, and room on its state and data partitions.',
    },
  );
}

/** Those that are there now. */
export async function keepsakesOn(
  shell: Shell,
  { mounts }: Pick<DeviceProfile, 'mounts'>,
): Promise<Keepsakes> {
  const files = [mounts.state, mounts.data].map((mount) => `${quoted(`${mount}/${folder}`)}/*`);
  const { stdout } = await shell.run(`sha256sum ${files.join(' ')}`);
  return stdout.split('\n').filter((line) => line !== '');
}
