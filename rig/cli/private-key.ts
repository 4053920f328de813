import { readFileSync } from 'node:fs';
import type { BoardConfig, Image } from '../contracts/board.js';
import { RigError } from '../contracts/errors.js';

/** The private key that opens ssh on a board: the one that the lab file names, else the image's. @throws RigError `ssh.key-unreadable` */
export function privateKeyOf(image: Image | undefined, board: BoardConfig): string | undefined {
  const file = board.ssh?.keyFile ?? image?.sshKeyFile;
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RigError(`Cannot read the ssh key ${file}`, {
      code: 'ssh.key-unreadable',
      blame: 'config',
      hint: 'Give a private key file that this user may read.',
      cause: error,
    });
  }
}
