import type { Architecture } from '../../../contracts/board.js';

/** RNDRESEEDCRNG, `_IO('R', 0x07)` (Linux, include/uapi/linux/random.h): a new key for the generator, now. Needs CAP_SYS_ADMIN. */
const reseedRequest = 0x5207;
const loadAddress = 0x0040_0000;
const path = Buffer.from('/dev/urandom\0');
const writeOnly = 1;

/** Numbers of the system calls (Linux, the architecture's syscall table). */
interface Calls {
  readonly open: number;
  readonly write: number;
  readonly ioctl: number;
  readonly exit: number;
}

interface Target {
  readonly bits: 32 | 64;
  /** `e_machine` and `e_flags` (System V ABI, the processor supplements). */
  readonly machine: number;
  readonly flags: number;
  /** Opens the path, writes the seed, reseeds, and exits with the last call's error number. */
  code(at: { path: number; seed: number; code: number; seedBytes: number }): Buffer;
}

/**
 * A static ELF program that mixes `seed` into a Linux kernel's random numbers and makes it use them at once. Writing to
 * `/dev/urandom` alone is not enough: the kernel takes up what was written at its next reseeding, up to a minute later (random(4),
 * drivers/char/random.c), and until then every fork of a snapshot draws the same numbers. No tool of a small system does the
 * second half, so the rig brings its own, a quarter of a kilobyte for the image's architecture.
 */
export function reseedProgram(arch: Architecture, seed: Uint8Array): Buffer {
  const target = targets[arch];
  const headers = target.bits === 64 ? 64 + 56 : 52 + 32;
  const place = { path: 0, seed: 0, code: loadAddress + headers, seedBytes: seed.length };
  const codeBytes = target.code(place).length;
  place.path = place.code + codeBytes;
  place.seed = place.path + path.length;
  const body = Buffer.concat([target.code(place), path, seed]);
  return Buffer.concat([elfHeaders(target, { headers, fileBytes: headers + body.length }), body]);
}

const arm64Calls: Calls = { open: 56, write: 64, ioctl: 29, exit: 93 };
const amd64Calls: Calls = { open: 2, write: 1, ioctl: 16, exit: 60 };
const calls32: Calls = { open: 5, write: 4, ioctl: 54, exit: 1 };

const arm64: Target = {
  bits: 64,
  machine: 183,
  flags: 0,
  code({ path, seed, code, seedBytes }) {
    const movz = (register: number, value: number): number => 0xd280_0000 | (value << 5) | register;
    const call = (number: number): number[] => [movz(8, number), 0xd400_0001];
    const adr = (register: number, address: number, index: number): number => {
      const distance = address - (code + index * 4);
      return 0x1000_0000 | ((distance & 3) << 29) | (((distance >> 2) & 0x7_ffff) << 5) | register;
    };
    // openat's x0 is ignored for an absolute path.
    return words([
      ...[adr(1, path, 0), movz(2, writeOnly), ...call(arm64Calls.open)],
      0xaa00_03f3, // mov x19, x0
      ...[adr(1, seed, 5), movz(2, seedBytes), ...call(arm64Calls.write)],
      0xaa13_03e0, // mov x0, x19
      ...[movz(1, reseedRequest), movz(2, 0), ...call(arm64Calls.ioctl)],
      0xcb00_03e0, // neg x0, x0
      ...call(arm64Calls.exit),
    ]);
  },
};

const amd64: Target = {
  bits: 64,
  machine: 62,
  flags: 0,
  code: ({ path, seed, seedBytes }) =>
    Buffer.concat([
      ...[load(0xb8, amd64Calls.open), load(0xbf, path), load(0xbe, writeOnly), Buffer.of(0x0f, 0x05)],
      Buffer.of(0x89, 0xc3, 0x89, 0xc7), // mov ebx, eax; mov edi, eax
      ...[load(0xbe, seed), load(0xba, seedBytes), load(0xb8, amd64Calls.write), Buffer.of(0x0f, 0x05)],
      Buffer.of(0x89, 0xdf), // mov edi, ebx
      ...[load(0xbe, reseedRequest), load(0xba, 0), load(0xb8, amd64Calls.ioctl), Buffer.of(0x0f, 0x05)],
      Buffer.of(0xf7, 0xd8, 0x89, 0xc7), // neg eax; mov edi, eax
      ...[load(0xb8, amd64Calls.exit), Buffer.of(0x0f, 0x05)],
    ]),
};

const i386: Target = {
  bits: 32,
  machine: 3,
  flags: 0,
  code: ({ path, seed, seedBytes }) =>
    Buffer.concat([
      ...[load(0xb8, calls32.open), load(0xbb, path), load(0xb9, writeOnly), Buffer.of(0xcd, 0x80)],
      Buffer.of(0x89, 0xc6, 0x89, 0xc3), // mov esi, eax; mov ebx, eax
      ...[load(0xb9, seed), load(0xba, seedBytes), load(0xb8, calls32.write), Buffer.of(0xcd, 0x80)],
      Buffer.of(0x89, 0xf3), // mov ebx, esi
      ...[load(0xb9, reseedRequest), load(0xba, 0), load(0xb8, calls32.ioctl), Buffer.of(0xcd, 0x80)],
      Buffer.of(0xf7, 0xd8, 0x89, 0xc3), // neg eax; mov ebx, eax
      ...[load(0xb8, calls32.exit), Buffer.of(0xcd, 0x80)],
    ]),
};

/** ARMv4 and later, with the system calls of the embedded ABI. */
const arm: Target = {
  bits: 32,
  machine: 40,
  flags: 0x0500_0000,
  code({ path, seed, code, seedBytes }) {
    const mov = (register: number, value: number): number => 0xe3a0_0000 | (register << 12) | value;
    const call = (number: number): number[] => [mov(7, number), 0xef00_0000];
    // The program counter reads two instructions ahead.
    const adr = (register: number, address: number, index: number): number =>
      0xe28f_0000 | (register << 12) | (address - (code + index * 4 + 8));
    return words([
      ...[adr(0, path, 0), mov(1, writeOnly), ...call(calls32.open)],
      0xe1a0_4000, // mov r4, r0
      ...[adr(1, seed, 5), mov(2, seedBytes), ...call(calls32.write)],
      0xe1a0_0004, // mov r0, r4
      0xe3a0_1c00 | (reseedRequest >> 8), // mov r1, #0x5200
      0xe281_1000 | (reseedRequest & 0xff), // add r1, r1, #7
      ...[mov(2, 0), ...call(calls32.ioctl)],
      0xe260_0000, // rsb r0, r0, #0
      ...call(calls32.exit),
    ]);
  },
};

const targets: Readonly<Record<Architecture, Target>> = { arm64, amd64, i386, armhf: arm, armel: arm };

function words(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, index * 4);
  return bytes;
}

/** `mov register, value` of x86, whose first byte names the register. */
function load(opcode: number, value: number): Buffer {
  const bytes = Buffer.alloc(5, opcode);
  bytes.writeUInt32LE(value, 1);
  return bytes;
}

/** One segment, readable and executable (ELF-32 and ELF-64 Object File Format). */
function elfHeaders(
  { bits, machine, flags }: Target,
  { headers, fileBytes }: { headers: number; fileBytes: number },
): Buffer {
  const out = Buffer.alloc(headers);
  const wide = bits === 64;
  const address = (value: number, at: number): void => {
    if (wide) out.writeBigUInt64LE(BigInt(value), at);
    else out.writeUInt32LE(value, at);
  };
  const [step, fileHeader] = wide ? [8, 64] : [4, 52];
  out.write('\x7fELF', 'latin1');
  out.set([wide ? 2 : 1, 1, 1], 4);
  out.writeUInt16LE(2, 16); // an executable
  out.writeUInt16LE(machine, 18);
  out.writeUInt32LE(1, 20);
  address(loadAddress + headers, 24); // entry
  address(fileHeader, 24 + step); // program headers
  out.writeUInt32LE(flags, 24 + 3 * step);
  const sizes = 28 + 3 * step;
  for (const [index, value] of [fileHeader, wide ? 56 : 32, 1].entries())
    out.writeUInt16LE(value, sizes + index * 2);
  const readAndRun = 5;
  out.writeUInt32LE(1, fileHeader); // to be loaded
  if (wide) out.writeUInt32LE(readAndRun, fileHeader + 4);
  const fields = fileHeader + step;
  for (const [index, value] of [0, loadAddress, loadAddress, fileBytes, fileBytes].entries())
    address(value, fields + index * step);
  if (wide) out.writeBigUInt64LE(0x1000n, fields + 5 * step);
  else {
    out.writeUInt32LE(readAndRun, fields + 5 * step);
    out.writeUInt32LE(0x1000, fields + 6 * step);
  }
  return out;
}
