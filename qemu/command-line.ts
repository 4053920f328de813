import type { Architecture, MachineSpec } from '../rig/contracts/board.js';
import type { BootFiles } from '../rig/contracts/capabilities.js';
import type { Accelerator } from './accelerator.js';
import type { Identity } from './identity.js';
import { tracedEvents, traceOf } from './write-log/own-flushes.js';

/** What of this run goes into the command line besides the board type's own words. */
export interface MachineParts {
  readonly accelerator: Accelerator;
  readonly identity: Identity;
  /** Its named pipes are `PATH.in` and `PATH.out`. */
  readonly serialPath: string;
  /** qcow2 overlay; absent: no medium in the slot. */
  readonly disk?: string | undefined;
  /** An empty file that gets a log of every write and flush to the overlay. */
  readonly writeLog?: string | undefined;
  /** The disk is what a block server at this unix socket serves; then `disk` is absent. */
  readonly served?: string | undefined;
  /** Raw file; absent: the slot is empty. */
  readonly card?: string | undefined;
  /** What the network has for a firmware that asks it; absent: nothing. */
  readonly bootFiles?: BootFiles | undefined;
  /** Flash image with U-Boot's start-up environment. */
  readonly environmentFlash?: string | undefined;
  /** What the board's firmware found on the medium. */
  readonly firmwareFiles?: LoadedFiles | undefined;
  /** This board's own copy of the UEFI variables. */
  readonly uefiVariables?: string | undefined;
  /** A cable to another machine; absent: QEMU's own network for users. */
  readonly wire?: Wire | undefined;
  /** The machine waits for a saved state instead of the processor's reset. */
  readonly loadsState?: boolean | undefined;
}

/** A network cable between two QEMUs: datagrams between two unix sockets, of which each end has one and knows the other. */
export interface Wire {
  readonly here: string;
  readonly there: string;
}

/** Files of this host, and words for the kernel. */
export interface LoadedFiles {
  readonly kernel: string;
  readonly initrd?: string;
  readonly deviceTree?: string;
  readonly append?: string;
}

/** File descriptor of the connected socket that QEMU is born with: no path, no port, nobody else can connect. */
export const qmpDescriptor = 3;

/** Names by which QMP commands address the devices. */
export const nicId = 'nic0';
export const netdevId = 'net0';

const programs: Readonly<Record<Architecture, { program: string; debianPackage: string }>> = {
  arm64: { program: 'qemu-system-aarch64', debianPackage: 'qemu-system-arm' },
  armhf: { program: 'qemu-system-arm', debianPackage: 'qemu-system-arm' },
  armel: { program: 'qemu-system-arm', debianPackage: 'qemu-system-arm' },
  amd64: { program: 'qemu-system-x86_64', debianPackage: 'qemu-system-x86' },
  i386: { program: 'qemu-system-i386', debianPackage: 'qemu-system-x86' },
};

/** The QEMU that plays `arch`, and the Debian package that holds it. */
export function qemuProgram(arch: Architecture): {
  readonly program: string;
  readonly debianPackage: string;
} {
  return programs[arch];
}

/**
 * QEMU's arguments. The machine starts stopped; a guest's reset or power-off stops it instead of happening, so that we
 * draw the line in the console log before a byte of the next boot can come (`machine.ts` then carries it out).
 */
export function commandLine(arch: Architecture, spec: MachineSpec, parts: MachineParts): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S'],
    ...['-name', `guest=${escapeOption(parts.identity.name)}`, '-uuid', parts.identity.uuid],
    ...['-action', 'reboot=shutdown,shutdown=pause,panic=none'],
    ...processor(arch, spec, parts),
    ...['-m', `${spec.memoryMiB}M`],
    ...['-chardev', `socket,id=qmp,fd=${qmpDescriptor}`, '-mon', 'chardev=qmp,mode=control'],
    ...serial(spec, parts.serialPath),
    ...boot(spec, parts),
    ...panicDevice(arch, spec),
    ...network(spec, parts),
    ...random(spec),
    ...disk(spec, parts),
    ...card(spec, parts.card),
    ...(spec.watchdog ? ['-device', spec.watchdog] : []),
    // Drawn for QEMU's own picture of it (`screendump`); nobody looks on.
    ...(spec.display ? ['-device', 'VGA,romfile='] : []),
    ...trace(parts),
    ...(parts.loadsState ? ['-incoming', 'defer'] : []),
  ];
}

/** A comma ends an option of QEMU's unless it is doubled (QEMU's invocation manual, "-drive"). */
export function escapeOption(value: string): string {
  return value.replaceAll(',', ',,');
}

function processor(
  arch: Architecture,
  spec: MachineSpec,
  { accelerator, identity }: Pick<MachineParts, 'accelerator' | 'identity'>,
): string[] {
  // KVM on Arm runs the host's own processor and interrupt controller or nothing.
  const native = accelerator.name === 'kvm' && arch === 'arm64';
  return [
    ...['-machine', native ? `${spec.model},gic-version=host` : spec.model],
    ...['-accel', accelerator.name],
    ...['-cpu', native ? 'host' : spec.cpu],
    ...(spec.timerHz === undefined ? [] : ['-global', `${spec.cpu}-arm-cpu.cntfrq=${spec.timerHz}`]),
    ...['-smp', String(spec.cpus)],
    ...(spec.clock === 'instructions' && accelerator.name === 'tcg' ? ['-icount', 'shift=auto'] : []),
    ...chip(spec, identity),
  ];
}

/**
 * The number that is burnt into an Allwinner H3, whose first word is the kind of chip (qemu: docs/system/arm/orangepi.rst). U-Boot makes the network
 * address of it, past the one of the network card, so that boards with one number would be one on the network.
 */
function chip({ model }: MachineSpec, { uuid }: Identity): string[] {
  if (!/^orangepi-pc\b/.test(model)) return [];
  return ['-global', `allwinner-sid.identifier=02c00081${uuid.slice(8)}`];
}

function boot({ boot }: MachineSpec, parts: MachineParts): string[] {
  switch (boot.kind) {
    case 'u-boot':
      return [
        ...['-bios', boot.image],
        ...(parts.environmentFlash
          ? flash({ unit: 1, file: parts.environmentFlash, options: ',readonly=on' })
          : []),
      ];
    case 'uefi':
      return [
        ...(boot.guarded ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
        ...flash({ unit: 0, file: boot.code, options: ',readonly=on' }),
        ...flash({ unit: 1, file: parts.uefiVariables ?? boot.variables, options: '' }),
      ];
    case 'kernel':
      return [
        ...['-kernel', boot.kernel],
        ...(boot.initrd === undefined ? [] : ['-initrd', boot.initrd]),
        ...(boot.append === undefined ? [] : ['-append', boot.append]),
      ];
    case 'firmware-files':
      return firmwareFiles(parts.firmwareFiles);
    case 'boot-rom':
      return [];
  }
}

function firmwareFiles(files: LoadedFiles | undefined): string[] {
  if (files === undefined) return [];
  const { kernel, initrd, deviceTree, append } = files;
  return [
    ...['-kernel', kernel],
    ...(initrd === undefined ? [] : ['-initrd', initrd]),
    ...(deviceTree === undefined ? [] : ['-dtb', deviceTree]),
    ...(append === undefined ? [] : ['-append', append]),
  ];
}

export const consoleChardev = ({ serialLine = 0 }: MachineSpec): string => `serial${serialLine}`;

/** Lines before the console's are there, and nobody listens. QEMU names each by its number, so that the console's is free. */
function serial(spec: MachineSpec, path: string): string[] {
  const id = consoleChardev(spec);
  return [
    ...['-chardev', `pipe,id=${id},path=${escapeOption(path)}`],
    ...Array.from({ length: spec.serialLine ?? 0 }, () => ['-serial', 'null']).flat(),
    ...['-serial', `chardev:${id}`],
  ];
}

function flash({ unit, file, options }: { unit: number; file: string; options: string }): string[] {
  return ['-drive', `if=pflash,unit=${unit},format=raw,file=${escapeOption(file)}${options}`];
}

/** Tells us of a kernel panic at once where the guest has the driver; a guest without it does not mind. */
function panicDevice(arch: Architecture, spec: MachineSpec): string[] {
  const isPc = (arch === 'amd64' || arch === 'i386') && /^(pc|q35)/.test(spec.model);
  return isPc ? ['-device', 'pvpanic'] : [];
}

function network(spec: MachineSpec, { identity, bootFiles, wire }: MachineParts): string[] {
  if (spec.nic === undefined) return [];
  const netdev = wire
    ? wireBackend(netdevId, wire)
    : ['-netdev', `user,id=${netdevId},ipv6=off${bootOptions(bootFiles)}`];
  // It is on the board already, and takes what is not claimed by a device.
  if (spec.nic === 'on-board') return [...netdev, '-net', `nic,netdev=${netdevId},macaddr=${identity.mac}`];
  const device = {
    'virtio-mmio': 'virtio-net-device',
    // Without an option ROM the firmware has nothing to boot from the network.
    'virtio-pci': 'virtio-net-pci,romfile=',
    e1000: 'e1000,romfile=',
    e1000e: 'e1000e,romfile=',
    usb: 'usb-net',
  }[spec.nic];
  return [...netdev, '-device', `${device},netdev=${netdevId},id=${nicId},mac=${identity.mac}`];
}

/** QEMU's own TFTP server, and the name that its DHCP server tells (QEMU's manual, "-netdev user"). */
function bootOptions(files: BootFiles | undefined): string {
  if (files === undefined) return '';
  return `,tftp=${escapeOption(files.folder)},bootfile=${escapeOption(files.bootFile)}`;
}

/** What is sent while nobody is at the other end is lost, as on a cable (net/dgram.c). */
export function wireBackend(id: string, { here, there }: Wire): string[] {
  const end = (side: 'local' | 'remote', path: string): string =>
    `${side}.type=unix,${side}.path=${escapeOption(path)}`;
  return ['-netdev', `dgram,id=${id},${end('local', here)},${end('remote', there)}`];
}

function random(spec: MachineSpec): string[] {
  if (spec.rng === undefined) return [];
  const device = spec.rng === 'virtio-mmio' ? 'virtio-rng-device' : 'virtio-rng-pci';
  return [...['-object', 'rng-random,id=rng0,filename=/dev/urandom'], ...['-device', `${device},rng=rng0`]];
}

/**
 * A host that cannot read or write the overlay stops the machine (`werror`, `rerror`): the guest must not see, and be
 * blamed for, a full disk of ours. QEMU's nvme and SD cards have no such option.
 */
function disk(spec: MachineSpec, parts: MachineParts): string[] {
  const medium = mediumNode(parts);
  if (spec.disk === undefined || medium === undefined) return [];
  if (spec.disk === 'sd') return sdCard(spec.sdSlot, medium);
  const explored = parts.writeLog !== undefined || parts.served !== undefined;
  // The log is in the order of completion, which several queues would mix more than a real medium does. blklogwrites takes the
  // place of a write of zeros in its log in two steps, between which another write can come.
  const plain = explored ? ',num-queues=1,write-zeroes=off' : '';
  const policy = 'werror=stop,rerror=stop,bootindex=0';
  const devices = {
    'virtio-mmio': ['-device', `virtio-blk-device,id=disk,drive=medium,${policy}${plain}`],
    'virtio-pci': ['-device', `virtio-blk-pci,id=disk,drive=medium,${policy}${plain}`],
    nvme: [
      '-device',
      `nvme,id=disk,drive=medium,serial=boardrig,bootindex=0${explored ? ',max_ioqpairs=1' : ''}`,
    ],
    'sdhci-pci': ['-device', 'sdhci-pci', '-device', 'sd-card,id=disk,drive=medium'],
    ahci: ['-device', 'ich9-ahci,id=ahci0', '-device', `ide-hd,id=disk,bus=ahci0.0,drive=medium,${policy}`],
  }[spec.disk];
  return ['-blockdev', medium, ...devices];
}

/**
 * A machine that makes its card reader itself also makes the card in it, and takes that one's medium from `-drive if=sd`. Where it
 * makes readers alone, a card goes into the first that is free, so that empty cards fill those before it.
 */
function sdCard(slot: number | undefined, medium: string): string[] {
  if (slot === undefined) return ['-drive', `if=sd,${medium}`];
  const fillers = Array.from({ length: slot }, (_, index) => [
    ...['-blockdev', `driver=null-co,node-name=no-card${index},size=1048576,read-zeroes=on`],
    ...['-device', `sd-card,drive=no-card${index}`],
  ]);
  return ['-blockdev', medium, ...fillers.flat(), '-device', 'sd-card,id=disk,drive=medium'];
}

/** Which flushes are the guest's: QEMU flushes too when a machine stops, as it does at each reset (`write-log/own-flushes.ts`). */
function trace({ writeLog }: MachineParts): string[] {
  if (writeLog === undefined) return [];
  return ['-D', traceOf(writeLog), ...tracedEvents.flatMap((event) => ['-trace', event])];
}

/** The block node that the disk reads and writes; undefined when there is no medium. */
function mediumNode({ disk, writeLog, served }: MachineParts): string | undefined {
  if (served !== undefined)
    return `driver=nbd,node-name=medium,discard=unmap,server.type=unix,server.path=${escapeOption(served)}`;
  if (disk === undefined) return undefined;
  const overlay = (prefix: string): string =>
    `${prefix}discard=unmap,${prefix}file.driver=file,${prefix}file.filename=${escapeOption(disk)}`;
  if (writeLog === undefined) return `driver=qcow2,node-name=medium,${overlay('')}`;
  const log = `log.driver=file,log.filename=${escapeOption(writeLog)},log-sector-size=512`;
  return `driver=blklogwrites,node-name=medium,discard=unmap,${log},file.driver=qcow2,${overlay('file.')}`;
}

/**
 * After the disk: firmware and kernel count virtio-mmio devices from the last one (hw/arm/virt.c makes their nodes in falling
 * order of addresses), so that the card, while there is one, is the first medium of both, as a boot slot is on a real board.
 */
function card(spec: MachineSpec, file: string | undefined): string[] {
  if (spec.slot === undefined || file === undefined) return [];
  const device = spec.slot === 'virtio-mmio' ? 'virtio-blk-device' : 'virtio-blk-pci';
  return [
    '-blockdev',
    `driver=raw,node-name=card,discard=unmap,file.driver=file,file.filename=${escapeOption(file)}`,
    ...['-device', `${device},id=card0,drive=card,werror=stop,rerror=stop`],
  ];
}
