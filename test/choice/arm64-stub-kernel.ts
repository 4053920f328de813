/**
 * What U-Boot's `booti` takes for a kernel (Linux: Documentation/arm64/booting.rst): it says its name on the PL011 of
 * QEMU's `virt` and resets the machine at once, as one that panics does, without three CPU seconds of booting.
 */
export function arm64StubKernel(says: string): Buffer {
  const header = Buffer.alloc(64);
  const branchOverHeader = 0x14000010;
  header.writeUInt32LE(branchOverHeader, 0);
  const placedAnywhere = 8n;
  header.writeBigUInt64LE(4096n, 16);
  header.writeBigUInt64LE(placedAnywhere, 24);
  header.write('ARM\x64', 56, 'latin1');
  const code = [
    0x10000121, // adr x1, the text behind the code
    0xd2a12003, // mov x3, #0x09000000, the PL011's data register (qemu: hw/arm/virt.c, VIRT_UART)
    0x38401422, // ldrb w2, [x1], #1
    0x34000062, // cbz w2, to the reset
    0xb9000062, // str w2, [x3]
    0x17fffffd, // b to ldrb
    0x52b08000, // mov w0, #0x84000000
    0x72800120, // movk w0, #9: SYSTEM_RESET (Arm DEN0022, PSCI)
    0xd4000002, // hvc #0
  ];
  const words = Buffer.alloc(code.length * 4);
  for (const [index, word] of code.entries()) words.writeUInt32LE(word, index * 4);
  return Buffer.concat([header, words, Buffer.from(`${says}\r\n\0`, 'latin1')]);
}
