import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../../rig/contracts/errors.js';
import type { UpdateFault } from '../../../rig/contracts/image-builder.js';
import type { Toolbox } from '../toolbox.js';

/** Takes the place of a file of the root; `undefined`: the file is gone. */
interface Replacement {
  readonly path: string;
  readonly content: string | undefined;
  readonly mode?: number;
}

const program = 0o755;

/** What every early fault says, so that a log shows how far the boot came. */
const earlyInit = (what: string): string => `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox echo "boardrig: fault ${what}" >/dev/console
`;

/** Opened and never fed; a board without one stays as it is until somebody cuts its power. */
const hang = `${earlyInit('hang')}/bin/busybox insmod /lib/modules/boot/i6300esb.ko 2>/dev/null || modprobe i6300esb 2>/dev/null
[ -c /dev/watchdog ] && exec 9>/dev/watchdog
exec /bin/busybox sleep 2147483647
`;

type Flavour = 'tiny' | 'full';

function replacements(fault: UpdateFault, flavour: Flavour): readonly Replacement[] {
  const init = flavour === 'full' ? 'usr/sbin/init' : 'sbin/init';
  switch (fault) {
    case 'no-init':
      return [{ path: init, content: undefined }];
    case 'panic':
      return [{ path: init, content: `${earlyInit('panic')}echo c >/proc/sysrq-trigger\n`, mode: program }];
    case 'hang':
      return [{ path: init, content: hang, mode: program }];
    case 'reboot-loop':
      return [{ path: init, content: `${earlyInit('reboot-loop')}/bin/busybox reboot -f\n`, mode: program }];
    case 'engine':
      return [{ path: 'etc/docker/daemon.json', content: 'no JSON\n' }];
    case 'network':
      return flavour === 'full'
        ? [{ path: 'usr/sbin/NetworkManager', content: '#!/bin/sh\nexit 1\n', mode: program }]
        : [{ path: 'usr/lib/boardrig/network.sh', content: '#!/bin/sh\nexec sleep 86400\n', mode: program }];
    case 'never-good':
      return [{ path: 'usr/lib/boardrig/health', content: '#!/bin/sh\nexit 0\n', mode: program }];
  }
}

/**
 * Puts `fault` into the root file system in `file`.
 *
 * @throws RigError `image.no-such-fault` (blame: config) when the root has nothing that it could break
 */
export async function injectFault(
  file: string,
  {
    fault,
    flavour,
    workDir,
    tools,
  }: { fault: UpdateFault; flavour: Flavour; workDir: string; tools: Toolbox },
): Promise<void> {
  const lines: string[] = [];
  for (const [index, { path, content, mode = 0o644 }] of replacements(fault, flavour).entries()) {
    lines.push(`rm "/${path}"`);
    if (content === undefined) continue;
    const source = join(workDir, `fault.${index}`);
    await writeFile(source, content);
    lines.push(`write "${source}" "/${path}"`, `sif "/${path}" mode 0${(0o100000 | mode).toString(8)}`);
  }
  const script = join(workDir, 'fault.debugfs');
  await writeFile(script, `${lines.join('\n')}\n`);
  const { stderr } = await tools.run('debugfs', ['-w', '-f', script, file], { captureBytes: 4096 });
  const complaint = stderr.split('\n').find((line) => line !== '' && !line.startsWith('debugfs '));
  if (complaint === undefined) return;
  throw new RigError(`The ${flavour} image has nothing for the fault ${fault} to break`, {
    code: 'image.no-such-fault',
    blame: 'config',
    hint: fault === 'engine' ? 'Only full has an engine, with --with engine.' : 'Choose another fault.',
    evidence: { complaint },
  });
}
