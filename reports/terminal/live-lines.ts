/** Between two redraws; what changes faster nobody can read. */
const redrawMs = 120;

/**
 * A few lines at the end of a terminal that are drawn over again, with lasting lines printed above them. One write
 * each time, so that nothing of it is ever seen half drawn.
 */
export class LiveLines implements Disposable {
  readonly #out: (text: string) => void;
  readonly #draw: () => readonly string[];
  readonly #clock: NodeJS.Timeout;
  #soon: NodeJS.Timeout | undefined;
  #drawn = 0;

  /** @param draw the lines as they are now, without escape sequences of a device */
  constructor(out: (text: string) => void, draw: () => readonly string[]) {
    this.#out = out;
    this.#draw = draw;
    // Elapsed times move on without an event.
    this.#clock = setInterval(() => this.#redraw(), 1000).unref();
  }

  /** Redraws soon. */
  changed(): void {
    this.#soon ??= setTimeout(() => this.#redraw(), redrawMs).unref();
  }

  /** Prints lasting lines above the live ones. */
  print(text: string): void {
    this.#redraw(text);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#clock);
    clearTimeout(this.#soon);
    this.#out(this.#erase());
    this.#drawn = 0;
  }

  #redraw(lasting = ''): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const erase = this.#erase();
    const lines = this.#draw();
    this.#drawn = lines.length;
    // Without automatic wrapping (DECAWM) a line that is too long is cut by the terminal itself, whatever its width.
    const live = lines.length > 0 ? `\x1b[?7l${lines.join('\n')}\n\x1b[?7h` : '';
    if (erase + lasting + live !== '') this.#out(`${erase}${lasting}${live}`);
  }

  #erase(): string {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[J` : '';
  }
}
