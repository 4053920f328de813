import type { BootSigns, BootVerdict, SlotBoot } from '../../contracts/update.js';

type Draft = { -readonly [Key in keyof SlotBoot]: SlotBoot[Key] };

/** What a line of the console says of a boot. */
export type BootSign = keyof BootSigns;

/** The boots of one board, from what its console says of them and what was done to it. */
export class SlotHistory {
  readonly #over: SlotBoot[] = [];
  readonly #tell: (boot: SlotBoot) => void;
  readonly #listeners = new Set<() => void>();
  #current: Draft | undefined;
  #told = false;
  #panicked = false;
  #epoch = 0;

  /** @param tell called with each boot once, when its verdict falls or when it is over without one */
  constructor(tell: (boot: SlotBoot) => void) {
    this.#tell = tell;
  }

  /** Oldest first; the last may be under way. */
  get boots(): readonly SlotBoot[] {
    return this.#current ? [...this.#over, { ...this.#current }] : [...this.#over];
  }

  /** The boot under way, once the bootloader has chosen. */
  get current(): SlotBoot | undefined {
    return this.#current;
  }

  /** The epoch that the board is in. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Called after every change. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** The first sign of each kind counts: a log that is printed later says the same of other boots. */
  seen(sign: BootSign, { slot, tries, why, version, complaint }: Readonly<Record<string, string>>): void {
    const boot = this.#current;
    if (sign === 'chosen') {
      if (boot || slot === undefined) return;
      this.#current = {
        epoch: this.#epoch,
        slot,
        verdict: 'unknown',
        ...(tries !== undefined && /^\d+$/.test(tries) ? { tries: Number(tries) } : {}),
        ...(why === undefined ? {} : { why }),
      };
    } else if (!boot || this.#told) return;
    else if (sign === 'notLoaded') this.#end('not-loaded');
    else if (sign === 'version') {
      if (version !== undefined) boot.version ??= version;
    } else {
      if (sign === 'bad' && complaint !== undefined) boot.complaint = complaint;
      this.#judge(sign);
    }
    this.#changed();
  }

  panicked(): void {
    this.#panicked = true;
  }

  /** @param how what ended the boot before this epoch, where it had no verdict */
  epochBegan(epoch: number, how: Extract<BootVerdict, 'reset' | 'off'>): void {
    this.#end(how);
    this.#epoch = epoch;
    this.#changed();
  }

  powerWentOff(): void {
    this.#end('off');
    this.#changed();
  }

  /** The rig lets go of the board. */
  close(): void {
    this.#end('unknown');
  }

  #end(how: BootVerdict): void {
    const boot = this.#current;
    if (boot && !this.#told) this.#judge(this.#panicked ? 'panicked' : how);
    if (boot) this.#over.push({ ...boot });
    this.#current = undefined;
    this.#told = false;
    this.#panicked = false;
  }

  #judge(verdict: BootVerdict): void {
    if (!this.#current) return;
    this.#current.verdict = verdict;
    this.#told = true;
    this.#tell({ ...this.#current });
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
