import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { MachineSpec } from '../rig/contracts/board.js';
import { RigError } from '../rig/contracts/errors.js';

/** CONFIG_ENV_SIZE of U-Boot's qemu_arm and qemu_arm64 (include/configs and configs/qemu_arm*_defconfig). */
const environmentBytes = 0x40000;

/** One bank of the flash of QEMU's arm `virt` machine (hw/arm/virt.c: VIRT_FLASH is two banks in 128 MiB). */
const flashBankBytes = 64 * 1024 * 1024;

/** Debian's packages of UEFI, by a part of their files' names. */
const firmwarePackages = [
  ['AAVMF', 'qemu-efi-aarch64'],
  ['OVMF32', 'ovmf-ia32'],
] as const;

const variablesName = 'uefi-variables.fd';

/**
 * Every file that the machine boots from is there and can be read.
 *
 * @throws RigError `qemu.firmware-missing`
 */
export async function checkBootFiles(boot: MachineSpec['boot']): Promise<void> {
  for (const { what, path, debianPackage } of bootFiles(boot)) {
    try {
      await access(path, constants.R_OK);
    } catch (cause) {
      throw new RigError(`Cannot read the board's ${what} ${path}`, {
        code: 'qemu.firmware-missing',
        blame: debianPackage ? 'rig' : 'config',
        hint: debianPackage
          ? `Install it: apt-get install ${debianPackage}. Or correct the path in the board type.`
          : 'Correct the path in the board type.',
        cause,
        evidence: { path },
      });
    }
  }
}

export function bootFiles(
  boot: MachineSpec['boot'],
): { what: string; path: string; debianPackage?: string }[] {
  switch (boot.kind) {
    case 'u-boot':
      return [{ what: 'U-Boot', path: boot.image, debianPackage: 'u-boot-qemu' }];
    case 'uefi': {
      const debianPackage = firmwarePackages.find(([part]) => boot.code.includes(part))?.[1] ?? 'ovmf';
      return [
        { what: 'UEFI firmware', path: boot.code, debianPackage },
        { what: 'UEFI variables', path: boot.variables, debianPackage },
      ];
    }
    case 'kernel':
      return [
        { what: 'kernel', path: boot.kernel },
        ...(boot.initrd === undefined ? [] : [{ what: 'initrd', path: boot.initrd }]),
      ];
    case 'firmware-files':
    case 'boot-rom':
      return [];
  }
}

/** Writes the flash image from which U-Boot takes its environment when it starts. */
export async function writeEnvironmentFlash(
  path: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  await file.write(encodeEnvironment(environment));
  await file.truncate(flashBankBytes);
}

/**
 * U-Boot's environment as it lies in flash, not redundant (env/common.c: env_export): CRC-32 of the rest, little endian,
 * then `name=value` ended by 0 each, one more 0, and padding.
 *
 * @throws RigError `qemu.bad-environment`
 */
export function encodeEnvironment(environment: Readonly<Record<string, string>>): Buffer {
  const image = Buffer.alloc(environmentBytes);
  const entries = Object.entries(environment);
  const bad = entries.find(([name, value]) => name === '' || /[=\0]/.test(name) || value.includes('\0'));
  const data = Buffer.from(`${entries.map(([name, value]) => `${name}=${value}\0`).join('')}\0`);
  if (bad || data.length > environmentBytes - 4) {
    throw new RigError(
      bad
        ? `U-Boot cannot hold the variable ${JSON.stringify(bad[0])}=${JSON.stringify(bad[1])}`
        : `U-Boot's environment takes ${data.length} bytes, more than ${environmentBytes - 4}`,
      {
        code: 'qemu.bad-environment',
        blame: 'config',
        hint: 'Correct boot.environment of the board type.',
      },
    );
  }
  data.copy(image, 4);
  image.writeUInt32LE(crc32(image.subarray(4)), 0);
  return image;
}

/** The board's own UEFI variables: made from the firmware's template the first time, then kept over sessions. */
export async function uefiVariables(stateDir: string, template: string): Promise<string> {
  const path = join(stateDir, variablesName);
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return path;
  } catch {
    await replaceUefiVariables(stateDir, template);
    return path;
  }
}

/** Gives the board the variables of the store `source`. */
export async function replaceUefiVariables(stateDir: string, source: string): Promise<void> {
  const path = join(stateDir, variablesName);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  // Whole or not at all: firmware takes half a store for a broken one.
  const partial = `${path}.${process.pid}.part`;
  await copyFile(source, partial);
  await chmod(partial, 0o600);
  await rename(partial, path);
}
