import { delimiter } from 'node:path';

/** Debian leaves these folders out of a normal user's PATH: mkfs.vfat, sfdisk, blockdev and ip live there. */
const administratorFolders = ['/usr/sbin', '/sbin'];

/** Where an administrator's shell looks for programs: `path`, then the folders that a normal user's leaves out. */
export function administratorPath(path = process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'): string {
  return [path, ...administratorFolders].join(delimiter);
}

/** This process' environment, with an administrator's PATH and messages that the rig can read. */
export function administratorEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: administratorPath(), LC_ALL: 'C.UTF-8' };
}
