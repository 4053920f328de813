import { join } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';
import { chooseAccelerator } from '../accelerator.js';
import { escapeOption, qmpDescriptor, type Wire, wireBackend } from '../command-line.js';
import type { LabHostFiles } from './build.js';
import { agentPort } from './protocol.js';

const memoryMiB = 1024;

/** Names of the sockets in its work folder: to the agent, and the far end of the serial line. */
export const sockets = { agent: 'agent', wire: 'wire' } as const;

/** Of its network port, to which the cable of a board leads. */
export const portMac = '52:54:00:6c:61:62';

/** The two ends of that cable. */
export function cableIn(workDir: string): { readonly labHost: Wire; readonly board: Wire } {
  const [here, there] = [join(workDir, 'port'), join(workDir, 'port.board')];
  return { labHost: { here, there }, board: { here: there, there: here } };
}

/** QEMU's arguments; the machine starts stopped. No way out: what it needs of this host is its file system. */
export function commandLine(
  files: LabHostFiles,
  { workDir, serialPath }: { readonly workDir: string; readonly serialPath: string },
): string[] {
  const accelerator = chooseAccelerator('amd64');
  const agent = join(packageRoot, 'dist/qemu/labhost/agent.js');
  const append = [
    'console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check',
    `boardrig.node=${process.execPath} boardrig.agent=${agent}`,
  ].join(' ');
  const share = (tag: string, path: string): string[] => [
    ...[
      '-fsdev',
      `local,id=${tag},path=${escapeOption(path)},security_model=none,readonly=on,multidevs=remap`,
    ],
    ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ];
  const socket = (id: string): string =>
    `socket,id=${id},path=${escapeOption(join(workDir, id))},server=on,wait=off`;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S', '-name', 'guest=labhost'],
    ...['-action', 'reboot=shutdown,shutdown=pause,panic=none'],
    ...['-machine', 'q35', '-accel', accelerator.name, '-cpu', accelerator.name === 'kvm' ? 'host' : 'max'],
    ...['-smp', '1', '-m', `${memoryMiB}M`],
    ...['-chardev', `socket,id=qmp,fd=${qmpDescriptor}`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `pipe,id=serial0,path=${escapeOption(serialPath)}`, '-serial', 'chardev:serial0'],
    ...['-kernel', files.kernel, '-initrd', files.initrd, '-append', append],
    ...share('host', '/'),
    ...share('layer', files.layer),
    ...['-device', 'qemu-xhci,id=xhci', '-chardev', socket(sockets.wire)],
    ...wireBackend('port', cableIn(workDir).labHost),
    ...['-device', `virtio-net-pci,netdev=port,mac=${portMac},romfile=`],
    ...['-device', 'virtio-serial-pci', '-chardev', socket(sockets.agent)],
    ...['-device', `virtserialport,chardev=agent,name=${agentPort}`],
  ];
}
