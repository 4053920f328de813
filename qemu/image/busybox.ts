import { RigError } from '../../rig/contracts/errors.js';

/**
 * Names of the programs that a busybox binary holds, read from its own table of them (busybox: applets/applet_tables.c,
 * NUL-separated, sorted, beginning with `[` and `[[`): a foreign binary cannot be asked by running it.
 */
export function busyboxApplets(binary: Buffer): string[] {
  const start = binary.indexOf('\0[\0[[\0', 0, 'latin1') + 1;
  const names: string[] = [];
  for (let at = start; at > 0; ) {
    const end = binary.indexOf(0, at);
    if (end <= at) break;
    names.push(binary.toString('latin1', at, end));
    at = end + 1;
  }
  if (names.includes('sh') && names.includes('init')) return names;
  throw new RigError('Cannot find the table of programs in busybox', {
    code: 'image.unknown-busybox',
    blame: 'rig',
    hint: "Debian's busybox-static has changed: the builder must follow.",
  });
}
