import { unreadable } from './unreadable.js';

/** One mounted file system. */
export interface Mount {
  readonly point: string;
  readonly filesystem: string;
  /** Device number, `254:2`; memory file systems have ones of their own with major 0. */
  readonly device: string;
  /** Neither the mount nor the file system below it can be written to through it. */
  readonly readOnly: boolean;
}

/**
 * `/proc/self/mountinfo` (Linux, Documentation/filesystems/proc.rst, 3.5), in the kernel's order.
 *
 * @throws RigError `facts.unreadable`
 */
export function parseMounts(text: string): readonly Mount[] {
  const mounts = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const fields = line.split(' ');
      const dash = fields.indexOf('-', 6);
      const [, , device = '', , point = '', options = ''] = fields;
      const [filesystem = '', , superOptions = ''] = dash < 0 ? [] : fields.slice(dash + 1);
      if (!/^\d+:\d+$/.test(device) || !point.startsWith('/') || filesystem === '' || superOptions === '')
        throw unreadable('the mounts', line, 'a line has not the form of mountinfo');
      const isReadOnly = (list: string): boolean => list.split(',').includes('ro');
      return {
        point: point.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))),
        filesystem,
        device,
        readOnly: isReadOnly(options) || isReadOnly(superOptions),
      };
    });
  if (mounts.length === 0) throw unreadable('the mounts', text, 'there is no line');
  return mounts;
}

/** What is seen at `point`: the mount made last hides the ones before it. */
export function mountAt(mounts: readonly Mount[], point: string): Mount | undefined {
  return mounts.findLast((mount) => mount.point === point);
}

export const mountsCommand = 'cat /proc/self/mountinfo';
