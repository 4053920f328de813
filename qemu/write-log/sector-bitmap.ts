import type { SectorSet } from '../../rig/contracts/powercut.js';

/** Sectors of a medium, one bit each: 256 KiB for a medium of 1 GiB. */
export class SectorBitmap {
  readonly #bits: Uint8Array;

  constructor(sectors: number) {
    this.#bits = new Uint8Array(Math.ceil(sectors / 8));
  }

  add(sector: number, sectors: number): void {
    const end = sector + sectors;
    let at = sector;
    for (; at < end && (at & 7) !== 0; at += 1) this.#set(at);
    // Whole bytes at once.
    const wholeEnd = end - (end & 7);
    if (at < wholeEnd) {
      this.#bits.fill(0xff, at / 8, wholeEnd / 8);
      at = wholeEnd;
    }
    for (; at < end; at += 1) this.#set(at);
  }

  has(sector: number): boolean {
    return ((this.#bits[Math.floor(sector / 8)] ?? 0) & (1 << (sector & 7))) !== 0;
  }

  clear(): void {
    this.#bits.fill(0);
  }

  toSet(): SectorSet {
    const pairs: number[] = [];
    let began = -1;
    const end = this.#bits.length * 8;
    for (let sector = 0; sector < end; sector += 1) {
      const byte = this.#bits[sector >> 3] ?? 0;
      if ((sector & 7) === 0 && ((byte === 0 && began < 0) || (byte === 0xff && began >= 0))) {
        sector += 7;
        continue;
      }
      const isIn = (byte & (1 << (sector & 7))) !== 0;
      if (isIn && began < 0) began = sector;
      else if (!isIn && began >= 0) {
        pairs.push(began, sector - began);
        began = -1;
      }
    }
    if (began >= 0) pairs.push(began, end - began);
    return Float64Array.from(pairs);
  }

  #set(sector: number): void {
    this.#bits[sector >> 3] = (this.#bits[sector >> 3] ?? 0) | (1 << (sector & 7));
  }
}
