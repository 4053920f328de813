import { crc32 } from 'node:zlib';

/** Tries of a slot that an update has written, until it is marked good. */
export const slotTries = 3;

/** What a slot that was marked good has left: more than the tries, so that the bootloader does not count its boots. */
export const goodSlotLeft = 9;

/** Where the two copies lie: behind the partition table, before the first partition, far enough apart for one flash page each. */
export const environmentCopies = [512 * 1024, 768 * 1024] as const;

/** One page, so that Linux writes a copy in one piece. */
export const environmentBytes = 4096;

/** The variables of an image as built: A is good, B is empty and has no tries. */
export const initialEnvironment: Readonly<Record<string, string>> = {
  BOOT_ORDER: 'A B',
  BOOT_A_LEFT: String(goodSlotLeft),
  BOOT_B_LEFT: '0',
};

/**
 * One copy of a redundant environment (U-Boot: include/env_internal.h, `env_t`): CRC-32 of the data, little endian; a number that
 * grows with each write; `NAME=VALUE` ended by 0 each, one more 0, and zeros.
 */
export function encodeEnvironmentCopy(
  variables: Readonly<Record<string, string>>,
  { number }: { readonly number: number },
): Buffer {
  const bytes = Buffer.alloc(environmentBytes);
  const text = Object.entries(variables).map(([name, value]) => `${name}=${value}\0`);
  bytes.write(`${text.join('')}\0`, 5, 'latin1');
  bytes.writeUInt32LE(crc32(bytes.subarray(5)), 0);
  bytes.writeUInt8(number & 0xff, 4);
  return bytes;
}
