/**
 * What GRUB takes for a kernel of Linux's 32-bit boot protocol (Linux: Documentation/arch/x86/boot.rst): it says its
 * name on the serial line and resets the machine at once, as one that panics does, without four CPU seconds of booting.
 */
export function amd64StubKernel(says: string): Buffer {
  const setupSectors = 4;
  const bytes = Buffer.alloc((1 + setupSectors + 1) * 512);
  bytes[0x1f1] = setupSectors;
  bytes.writeUInt16LE(0xaa55, 0x1fe);
  bytes.set([0xeb, 0x66], 0x200);
  bytes.write('HdrS', 0x202, 'latin1');
  const protocol = 0x020a;
  bytes.writeUInt16LE(protocol, 0x206);
  const loadedHigh = 1;
  bytes[0x211] = loadedHigh;
  const place = 0x100000;
  bytes.writeUInt32LE(place, 0x214);
  bytes.writeUInt32LE(0x37ffffff, 0x22c);
  bytes.writeUInt32LE(0x1000, 0x230);
  const relocatable = 1;
  const alignmentBits = 12;
  bytes.set([relocatable, alignmentBits], 0x234);
  bytes.writeUInt32LE(0x7ff, 0x238);
  bytes.writeBigUInt64LE(BigInt(place), 0x258);
  bytes.writeUInt32LE(0x10000, 0x260);
  const code = Buffer.from([
    ...[0xfc], // cld
    ...[0xe8, 0x00, 0x00, 0x00, 0x00], // call the next instruction, so that its address is known
    ...[0x5e], // pop esi
    ...[0x83, 0xc6, 0x17], // add esi, where the text is from there
    ...[0xac], // lodsb
    ...[0x84, 0xc0], // test al, al
    ...[0x74, 0x07], // jz to the reset
    ...[0x66, 0xba, 0xf8, 0x03], // mov dx, the data register of the first serial port
    ...[0xee], // out dx, al
    ...[0xeb, 0xf4], // jmp to lodsb
    ...[0xb0, 0xfe], // mov al, "pulse the reset line"
    ...[0xe6, 0x64], // out the keyboard controller's command register, al
    ...[0xf4], // hlt
    ...[0xeb, 0xfd], // jmp to hlt
  ]);
  code.copy(bytes, (1 + setupSectors) * 512);
  bytes.write(`${says}\r\n\0`, (1 + setupSectors) * 512 + code.length, 'latin1');
  return bytes;
}
