import { basename } from 'node:path';
import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import type { TinyBoard } from './board.js';
import type { GrubKind, UBootKind } from './boot-kinds.js';
import { addGrubFiles, raucOnGrub } from './grub-files.js';
import { guestFile } from './guest-files.js';
import type { Kernel } from './kernel.js';
import { modulesInOrder } from './kernel-modules.js';
import type { FileTree } from './tree.js';
import { environmentBytes, environmentCopies, goodSlotLeft, slotTries } from './uboot-environment.js';

/** What a bundle must say that it is for, to be taken by the boards of this name. */
export function compatibleOf(slug: string): string {
  return `boardrig-${slug}`;
}

/** How RAUC knows the system (RAUC: docs/reference.rst, "System Configuration File"). */
export function raucSystemConf({
  slug,
  bootloader,
  handlers = [],
}: {
  slug: string;
  /** Lines of the section `system`. */
  bootloader: readonly string[];
  /** Lines of the section `handlers`. */
  handlers?: readonly string[];
}): string {
  const slots = [
    ['A', 'resin-rootA'],
    ['B', 'resin-rootB'],
  ].flatMap(([name, label], index) => [
    `[slot.rootfs.${index}]`,
    `device=/dev/disk/by-partlabel/${label}`,
    'type=raw',
    `bootname=${name}`,
  ]);
  return [
    '[system]',
    `compatible=${compatibleOf(slug)}`,
    ...bootloader,
    'statusfile=/mnt/state/rauc.status',
    'mountprefix=/run/rauc',
    'bundle-formats=-plain',
    '[keyring]',
    'path=/etc/rauc/keyring.pem',
    ...(handlers.length > 0 ? ['[handlers]', ...handlers] : []),
    ...slots,
    '',
  ].join('\n');
}

const uboot = {
  bootloader: ['bootloader=uboot', `boot-attempts=${goodSlotLeft}`, `boot-attempts-primary=${slotTries}`],
};

export interface UpdateFilesOptions {
  readonly request: BuildRequest;
  readonly board: Pick<TinyBoard, 'slug' | 'disk' | 'updateModules'>;
  readonly boot: UBootKind | GrubKind;
  /** The certificate that signed bundles are checked against, PEM. */
  readonly certificate: string;
  readonly kernel: Kernel;
}

/** What the tiny root needs beside the programs to be updated. */
export async function addUpdateFiles(tree: FileTree, options: UpdateFilesOptions): Promise<void> {
  const { request, boot, kernel } = options;
  const { slug, disk, updateModules } = options.board;
  const program = { mode: 0o755 };
  const files = await modulesInOrder(updateModules, kernel);
  for (const file of files) tree.file(`lib/modules/update/${basename(file)}`, { from: file });
  tree.file('lib/modules/update/order', files.map((file) => `${basename(file)}\n`).join(''));
  tree.file('usr/bin/rauc', await guestFile('update/rauc.sh'), program);
  tree.file('usr/lib/boardrig/rauc-service', await guestFile('update/rauc-service.sh'), program);
  tree.file('etc/boardrig/bus.conf', await guestFile('update/bus.conf'));
  const activation = 'de.pengutronix.rauc.service';
  tree.file(`usr/share/dbus-1/system-services/${activation}`, await guestFile(`update/${activation}`));
  tree.file(
    'etc/rauc/system.conf',
    raucSystemConf({ slug, ...(boot.kind === 'u-boot' ? uboot : raucOnGrub(request)) }),
  );
  tree.file('etc/rauc/keyring.pem', options.certificate);
  if (boot.kind === 'grub') {
    await addGrubFiles(tree, request);
    return;
  }
  const copies = (boot.environmentAt ?? environmentCopies).map(
    (at) => `/dev/${disk} 0x${at.toString(16)} 0x${environmentBytes.toString(16)}\n`,
  );
  tree.file('etc/fw_env.config', copies.join(''));
}

/** What judges each boot, and every update by it. */
export async function addHealthFiles(tree: FileTree): Promise<void> {
  const program = { mode: 0o755 };
  tree.file('usr/lib/boardrig/health', await guestFile('health.sh'), program);
  for (const check of ['network', 'storage'])
    tree.file(`usr/lib/boardrig/health.d/${check}`, await guestFile(`health.d/${check}.sh`), program);
}
