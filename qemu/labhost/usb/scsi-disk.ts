import type { CommandResult, Commands } from './bulk-only.js';
import { blockBytes, type Card } from './card.js';

/** What a reader of removable cards understands (SPC-2, SBC-2). */
const operations = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  inquiry: 0x12,
  modeSense6: 0x1a,
  startStop: 0x1b,
  preventRemoval: 0x1e,
  readCapacity: 0x25,
  read10: 0x28,
  write10: 0x2a,
  verify10: 0x2f,
  synchronize: 0x35,
} as const;

/** Sense key, additional code, qualifier. */
type Sense = readonly [key: number, code: number, qualifier: number];
const senses = {
  none: [0, 0, 0],
  noMedium: [2, 0x3a, 0],
  badCommand: [5, 0x20, 0],
  outOfRange: [5, 0x21, 0],
  badField: [5, 0x24, 0],
  mediumChanged: [6, 0x28, 0],
} as const satisfies Record<string, Sense>;

const passed: CommandResult = { passed: true };

export interface ScsiDiskOptions {
  readonly vendor: string;
  readonly product: string;
  /** A command of the chip's maker; undefined: it is none of them. */
  vendorCommand?(command: Buffer, data: Buffer): CommandResult | undefined;
}

/** The disk of a card reader; the card comes and goes. */
export class ScsiDisk implements Commands {
  readonly #options: ScsiDiskOptions;
  #card: Card | undefined;
  #isNew = false;
  #sense: Sense = senses.none;

  constructor(options: ScsiDiskOptions) {
    this.#options = options;
  }

  get card(): Card | undefined {
    return this.#card;
  }

  insert(card: Card): void {
    this.#card?.close();
    this.#card = card;
    this.#isNew = true;
  }

  remove(): void {
    this.#card?.close();
    this.#card = undefined;
  }

  execute(command: Buffer, data: Buffer): CommandResult {
    const operation = command.readUInt8(0);
    const result = this.#options.vendorCommand?.(command, data) ?? this.#known(operation, { command, data });
    if (result.passed && operation !== operations.requestSense) this.#sense = senses.none;
    // A refusal of the vendor's command has no sense of its own.
    if (!result.passed && this.#sense === senses.none) this.#sense = senses.badField;
    return result;
  }

  #known(operation: number, { command, data }: { command: Buffer; data: Buffer }): CommandResult {
    switch (operation) {
      case operations.inquiry:
        return this.#inquiry(command);
      case operations.requestSense:
        return this.#requestSense(command.readUInt8(4));
      case operations.modeSense6:
        // No pages: the header alone, of a medium that can be written.
        return { passed: true, data: Buffer.of(3, 0, 0, 0).subarray(0, command.readUInt8(4)) };
      case operations.startStop:
      case operations.preventRemoval:
        return passed;
    }
    if (!this.#card) return this.#refuse(senses.noMedium);
    if (this.#isNew) {
      this.#isNew = false;
      return this.#refuse(senses.mediumChanged);
    }
    return this.#onCard(this.#card, { command, data });
  }

  #onCard(card: Card, { command, data }: { command: Buffer; data: Buffer }): CommandResult {
    const [at, count] = [command.readUInt32BE(2), command.readUInt16BE(7)];
    switch (command.readUInt8(0)) {
      case operations.testUnitReady:
        return passed;
      case operations.readCapacity:
        return { passed: true, data: capacity(card) };
      case operations.read10:
        if (at + count > card.blocks) return this.#refuse(senses.outOfRange);
        return { passed: true, data: card.read(at, count) };
      case operations.write10:
        if (at + count > card.blocks) return this.#refuse(senses.outOfRange);
        if (data.length !== count * blockBytes) return this.#refuse(senses.badField);
        card.write(at, data);
        return passed;
      case operations.verify10:
        return passed;
      case operations.synchronize:
        card.flush();
        return passed;
      default:
        return this.#refuse(senses.badCommand);
    }
  }

  #inquiry(command: Buffer): CommandResult {
    const wantsPage = (command.readUInt8(1) & 1) !== 0;
    if (wantsPage) return this.#refuse(senses.badField);
    const bytes = Buffer.alloc(36, ' ');
    bytes.set([0 /* disk */, 0x80 /* removable */, 0, 2, bytes.length - 5, 0, 0, 0]);
    bytes.write(this.#options.vendor.slice(0, 8), 8);
    bytes.write(this.#options.product.slice(0, 16), 16);
    bytes.write('1.82', 32);
    return { passed: true, data: bytes.subarray(0, command.readUInt16BE(3)) };
  }

  #requestSense(length: number): CommandResult {
    const [key, code, qualifier] = this.#sense;
    const bytes = Buffer.alloc(18);
    bytes.set([0x70, 0, key, 0, 0, 0, 0, bytes.length - 8]);
    bytes.set([code, qualifier], 12);
    this.#sense = senses.none;
    return { passed: true, data: bytes.subarray(0, length) };
  }

  #refuse(sense: Sense): CommandResult {
    this.#sense = sense;
    return { passed: false };
  }
}

function capacity(card: Card): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(Math.max(card.blocks - 1, 0), 0);
  bytes.writeUInt32BE(blockBytes, 4);
  return bytes;
}
