/**
 * What each room may import, beside itself, npm packages and Node. The first prefix that fits a file decides; the
 * table in rig/README.md is the same one, and the architecture test compares them.
 */
export const arrows: readonly (readonly [room: string, mayImport: readonly string[]])[] = [
  ['rig/contracts', []],
  ['rig/lifetime', ['rig/contracts']],
  ['rig/pattern', ['rig/contracts']],
  ['rig/schema', []],
  ['rig/record', ['rig/contracts', 'rig/lifetime']],
  ['rig/image', ['rig/contracts', 'rig/lifetime']],
  ['rig/flash', ['rig/contracts', 'rig/lifetime', 'rig/image']],
  ['rig/config', ['rig/contracts', 'rig/lifetime', 'rig/pattern', 'rig/schema']],
  ['rig/core', ['rig/contracts', 'rig/lifetime', 'rig/pattern', 'rig/record']],
  ['rig/mod.ts', ['rig/contracts', 'rig/core']],
  ['rig/setup', []],
  ['rig/cli', ['rig', 'drivers', 'qemu', 'reports', 'suites']],
  ['drivers', ['rig/contracts', 'rig/lifetime', 'rig/pattern', 'rig/schema']],
  ['qemu', ['rig/contracts', 'rig/lifetime', 'rig/pattern', 'rig/image']],
  ['reports', ['rig/contracts', 'rig/record']],
  ['suites', ['rig/mod.ts']],
  ['bench', ['rig', 'drivers', 'qemu', 'reports']],
  ['test', ['rig', 'drivers', 'qemu', 'reports', 'suites', 'bench']],
];

/** Where the package's own root is found: a constant of the installation, no configuration. */
export const forAnyone = 'rig/config/package.ts';

/** The one file that names concrete drivers; the rest of rig/cli reaches them through it. */
export const compositionRoot = 'rig/cli/registry.ts';

/** @returns why `from` must not import `to` (both relative to the root), or undefined when it may */
export function forbiddenArrow(from: string, to: string): string | undefined {
  if (to === forAnyone) return undefined;
  if (from.startsWith('rig/cli/') && to.startsWith('drivers/') && from !== compositionRoot)
    return `${from} names the driver ${to}; only ${compositionRoot} may`;
  const rule = arrows.find(([room]) => isInside(from, room));
  if (!rule) return `${from} lies in no room that the table of arrows knows`;
  const [room, allowed] = rule;
  if ([room, ...allowed].some((target) => isInside(to, target))) return undefined;
  return `${from} imports ${to}; ${room} may import ${allowed.join(', ') || 'nothing'}`;
}

function isInside(file: string, room: string): boolean {
  return file === room || file.startsWith(`${room}/`);
}
