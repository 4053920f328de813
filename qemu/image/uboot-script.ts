import { crc32 } from 'node:zlib';

/**
 * `text` as a script that U-Boot's `source` runs: the legacy image format (U-Boot: include/image.h, `image_header_t`)
 * with time zero, as `mkimage -T script` makes it.
 */
export function writeUbootScript(text: string, { name }: { readonly name: string }): Buffer {
  const script = Buffer.from(text);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(script.length, 0);
  const data = Buffer.concat([lengths, script]);
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x27051956, 0);
  header.writeUInt32BE(data.length, 12);
  header.writeUInt32BE(crc32(data), 24);
  const linux = 5;
  const arm64 = 22;
  const scriptType = 6;
  header.set([linux, arm64, scriptType, 0], 28);
  header.write(name, 32, 31, 'latin1');
  header.writeUInt32BE(crc32(header), 4);
  return Buffer.concat([header, data]);
}
