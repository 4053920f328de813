import { sectorBytes } from '../../rig/contracts/powercut.js';

const pageSectors = 128;
const pageBytes = pageSectors * sectorBytes;
/** What a guest cleared whole costs nothing. */
const zeroPage: Buffer = Buffer.alloc(pageBytes);

interface Page {
  bytes: Buffer;
  /** Which of its sectors were written. */
  readonly written: Uint8Array;
}

/** What a guest wrote over a view, in memory. Positions and counts are in sectors. */
export class GuestWrites {
  readonly #pages = new Map<number, Page>();
  readonly #maxPages: number;
  #ownedPages = 0;

  /** @param options `maxBytes`: more is refused, as by a full medium */
  constructor({ maxBytes }: { readonly maxBytes: number }) {
    this.#maxPages = Math.floor(maxBytes / pageBytes);
  }

  get sectors(): number {
    let count = 0;
    for (const { written } of this.#pages.values()) for (const one of written) count += one;
    return count;
  }

  clear(): void {
    this.#pages.clear();
    this.#ownedPages = 0;
  }

  /** @returns false when there is no room for it: a part may have been written */
  write(sector: number, bytes: Uint8Array): boolean {
    return this.#eachPage(sector, bytes.length / sectorBytes, ({ page, from, count, done }) => {
      if (!this.#own(page)) return false;
      const start = done * sectorBytes;
      page.bytes.set(bytes.subarray(start, start + count * sectorBytes), from * sectorBytes);
      return true;
    });
  }

  /** @returns as `write` */
  clearSectors(sector: number, sectors: number): boolean {
    return this.#eachPage(sector, sectors, ({ page, from, count }) => {
      if (count === pageSectors) {
        if (page.bytes !== zeroPage) this.#ownedPages -= 1;
        page.bytes = zeroPage;
      } else if (page.bytes !== zeroPage) {
        page.bytes.fill(0, from * sectorBytes, (from + count) * sectorBytes);
      }
      return true;
    });
  }

  /** Stretches of the asked sectors that the guest wrote (`bytes`) and did not write. */
  *stretches(
    sector: number,
    sectors: number,
  ): Generator<{ readonly sector: number; readonly sectors: number; readonly bytes: Buffer | undefined }> {
    for (let at = sector; at < sector + sectors; ) {
      const number = Math.floor(at / pageSectors);
      const page = this.#pages.get(number);
      const from = at - number * pageSectors;
      const most = Math.min(pageSectors - from, sector + sectors - at);
      const isWritten = page?.written[from] === 1;
      let count = 1;
      while (count < most && (page?.written[from + count] === 1) === isWritten) count += 1;
      const bytes = isWritten
        ? page?.bytes.subarray(from * sectorBytes, (from + count) * sectorBytes)
        : undefined;
      yield { sector: at, sectors: count, bytes };
      at += count;
    }
  }

  #eachPage(
    sector: number,
    sectors: number,
    act: (part: { page: Page; from: number; count: number; done: number }) => boolean,
  ): boolean {
    for (let done = 0; done < sectors; ) {
      const at = sector + done;
      const number = Math.floor(at / pageSectors);
      const from = at - number * pageSectors;
      const count = Math.min(pageSectors - from, sectors - done);
      let page = this.#pages.get(number);
      if (!page) {
        page = { bytes: zeroPage, written: new Uint8Array(pageSectors) };
        this.#pages.set(number, page);
      }
      if (!act({ page, from, count, done })) return false;
      page.written.fill(1, from, from + count);
      done += count;
    }
    return true;
  }

  #own(page: Page): boolean {
    if (page.bytes !== zeroPage) return true;
    if (this.#ownedPages >= this.#maxPages) return false;
    this.#ownedPages += 1;
    page.bytes = Buffer.alloc(pageBytes);
    return true;
  }
}
