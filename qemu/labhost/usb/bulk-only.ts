import { stall } from './device.js';

/** A command and its answer, of whatever a mass storage device understands. */
export interface CommandResult {
  readonly passed: boolean;
  /** For the host. */
  readonly data?: Buffer;
}

export interface Commands {
  /**
   * @param command filled up with zeros
   * @param data from the host; empty for a command that sends nothing
   */
  execute(command: Buffer, data: Buffer): CommandResult;
}

const commandBytes = 31;
const statusBytes = 13;
const longestCommand = 16;
const commandSignature = 0x43425355;
const statusSignature = 0x53425355;
const directionIn = 0x80;
/** Linux asks for 120 KiB at most (drivers/usb/storage, max_sectors); more than this fills the memory for nothing. */
const longestTransfer = 16 * 1024 * 1024;

interface Wrapper {
  readonly tag: number;
  readonly length: number;
  readonly isIn: boolean;
  readonly command: Buffer;
}

interface Expecting {
  readonly wrapper: Wrapper;
  readonly chunks: Buffer[];
  missing: number;
}

/** USB Mass Storage Class, Bulk-Only Transport, revision 1.0: a command, its data, its status. */
export class BulkOnly {
  readonly #commands: Commands;
  /** The command whose data from the host is awaited. */
  #expecting: Expecting | undefined;
  /** For the host, next first; a stall ends data that was shorter than asked for. */
  #answers: (Buffer | typeof stall)[] = [];
  /** After a command that cannot be read, nothing is until a reset (6.6.1). */
  #isLost = false;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  reset(): void {
    this.#expecting = undefined;
    this.#answers = [];
    this.#isLost = false;
  }

  take(bytes: Buffer): undefined | typeof stall {
    if (this.#isLost) return stall;
    if (this.#expecting) return this.#data(this.#expecting, bytes);
    const wrapper = wrapperOf(bytes);
    if (!wrapper) {
      this.#isLost = true;
      return stall;
    }
    if (wrapper.isIn || wrapper.length === 0) this.#execute(wrapper, Buffer.alloc(0));
    else this.#expecting = { wrapper, chunks: [], missing: wrapper.length };
    return undefined;
  }

  give(length: number): Buffer | undefined | typeof stall {
    if (this.#isLost) return stall;
    const [next] = this.#answers;
    if (next === undefined) return undefined;
    if (next === stall || next.length <= length) this.#answers.shift();
    else this.#answers[0] = next.subarray(length);
    return next === stall ? stall : next.subarray(0, length);
  }

  #data(expecting: Expecting, bytes: Buffer): undefined | typeof stall {
    if (bytes.length > expecting.missing) {
      this.#isLost = true;
      return stall;
    }
    // The bytes are the connection's own until they are all here.
    expecting.chunks.push(Buffer.from(bytes));
    expecting.missing -= bytes.length;
    if (expecting.missing > 0) return undefined;
    this.#expecting = undefined;
    this.#execute(expecting.wrapper, Buffer.concat(expecting.chunks));
    return undefined;
  }

  #execute({ tag, length, isIn, command }: Wrapper, data: Buffer): void {
    const { passed, data: answer = Buffer.alloc(0) } = this.#commands.execute(command, data);
    const told = isIn ? answer.subarray(0, length) : Buffer.alloc(0);
    if (told.length > 0) this.#answers.push(told);
    // Case 4 and 5 of the thirteen (6.7.2): less than the host expects, so that the pipe stalls before the status.
    if (isIn && told.length < length) this.#answers.push(stall);
    const status = Buffer.alloc(statusBytes);
    status.writeUInt32LE(statusSignature, 0);
    status.writeUInt32LE(tag, 4);
    status.writeUInt32LE(isIn ? length - told.length : passed ? 0 : length, 8);
    status.writeUInt8(passed ? 0 : 1, 12);
    this.#answers.push(status);
  }
}

function wrapperOf(bytes: Buffer): Wrapper | undefined {
  if (bytes.length !== commandBytes || bytes.readUInt32LE(0) !== commandSignature) return undefined;
  const [length, commandLength] = [bytes.readUInt32LE(8), bytes.readUInt8(14)];
  if (length > longestTransfer || commandLength < 1 || commandLength > longestCommand) return undefined;
  const command = Buffer.alloc(longestCommand);
  bytes.copy(command, 0, 15, 15 + commandLength);
  const isIn = (bytes.readUInt8(12) & directionIn) !== 0;
  return { tag: bytes.readUInt32LE(4), length, isIn, command };
}
