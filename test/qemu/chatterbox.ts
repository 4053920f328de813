import type { MachineSpec } from '../../rig/contracts/board.js';

/** How many letters it prints, A to Z over and over. */
export const chatterBytes = 20_000;

export function chatter(): string {
  return Array.from({ length: chatterBytes }, (_, index) => String.fromCharCode(65 + (index % 26))).join('');
}

/**
 * A firmware of a few instructions for a PC: prints to the 16550 at 0x3f8 as a kernel does, which waits for room only so
 * long and then writes all the same.
 */
export function chatterFirmware(): Buffer {
  const image = Buffer.alloc(64 * 1024, 0xf4);
  const code = [
    ...[0xb9, chatterBytes & 0xff, chatterBytes >> 8], // mov cx, count
    ...[0xb3, 0x41], // mov bl, 'A'
    ...[0xba, 0xfd, 0x03], // next: mov dx, 0x3fd (line status)
    ...[0xbe, 0x00, 0x10], // mov si, 4096
    ...[0xec, 0xa8, 0x20], // wait: in al, dx; test al, 0x20 (room)
    ...[0x75, 0x03], // jnz ready
    ...[0x4e, 0x75, 0xf8], // dec si; jnz wait
    ...[0xba, 0xf8, 0x03, 0x88, 0xd8, 0xee], // ready: mov dx, 0x3f8; mov al, bl; out dx, al
    ...[0xfe, 0xc3, 0x80, 0xfb, 0x5b, 0x75, 0x02, 0xb3, 0x41], // inc bl; cmp bl, 'Z' + 1; jne over; mov bl, 'A'
    ...[0xe2, 0xe1], // over: loop next
    ...[0xf4, 0xeb, 0xfd], // halt for ever
  ];
  image.set(code, 0);
  // The processor starts 16 bytes below the end (Intel SDM 3A, 10.1.4): jmp to the beginning of the segment.
  image.set([0xe9, 0x0d, 0x00], 0xfff0);
  return image;
}

export function chatterMachine(image: string): MachineSpec {
  return {
    model: 'q35',
    cpu: 'qemu64',
    cpus: 1,
    memoryMiB: 32,
    boot: { kind: 'u-boot', image },
    forward: [],
  };
}
