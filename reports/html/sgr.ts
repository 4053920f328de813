/** Colours, weight and slant as ECMA-48's SGR (ISO 6429, with xterm's 256 and 24-bit colours) sets them. */
export class SgrState {
  #foreground: number | undefined;
  #background: number | undefined;
  #flags = new Set<string>();

  /** @param parameters what stands between `ESC [` and `m` */
  apply(parameters: string): void {
    const codes = parameters.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)));
    for (let index = 0; index < codes.length; index += 1) {
      const code = codes[index] ?? 0;
      if (code === 38 || code === 48) index += this.#extended(code, codes.slice(index + 1, index + 5));
      else this.#simple(code);
    }
  }

  /** Class names for a span; empty when nothing is set. */
  classes(): string {
    const names = [...this.#flags];
    if (this.#foreground !== undefined) names.push(`f${this.#foreground}`);
    if (this.#background !== undefined) names.push(`b${this.#background}`);
    return names.join(' ');
  }

  #simple(code: number): void {
    if (code === 0) {
      this.#flags.clear();
      this.#foreground = this.#background = undefined;
    } else if (code === 22) {
      this.#flags.delete('sb');
      this.#flags.delete('sd');
    } else if (code === 39) this.#foreground = undefined;
    else if (code === 49) this.#background = undefined;
    else if (code >= 30 && code <= 37) this.#foreground = code - 30;
    else if (code >= 90 && code <= 97) this.#foreground = code - 90 + 8;
    else if (code >= 40 && code <= 47) this.#background = code - 40;
    else if (code >= 100 && code <= 107) this.#background = code - 100 + 8;
    else {
      const set = flags.get(code);
      const cleared = flags.get(code - 20);
      if (set !== undefined) this.#flags.add(set);
      else if (cleared !== undefined) this.#flags.delete(cleared);
    }
  }

  /** @returns how many further codes it took */
  #extended(code: number, rest: readonly number[]): number {
    const [mode, first = 0, second = 0, third = 0] = rest;
    if (mode !== 5 && mode !== 2) return 0;
    const colour = mode === 5 ? ofPalette(first) : nearest(first, second, third);
    if (code === 38) this.#foreground = colour;
    else this.#background = colour;
    return mode === 5 ? 2 : 4;
  }
}

const flags: ReadonlyMap<number, string> = new Map([
  [1, 'sb'],
  [2, 'sd'],
  [3, 'si'],
  [4, 'su'],
  [7, 'sv'],
]);

/** xterm's 256 colours: 16 named, a cube of 6×6×6, 24 greys. */
function ofPalette(index: number): number {
  if (index < 16) return Number.isInteger(index) && index >= 0 ? index : 7;
  if (index >= 232) return nearest(...grey(8 + (index - 232) * 10));
  const cube = index - 16;
  const level = (digit: number): number => (digit === 0 ? 0 : 55 + digit * 40);
  return nearest(level(Math.floor(cube / 36) % 6), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function grey(level: number): [number, number, number] {
  return [level, level, level];
}

/** The nearest of the 16 named colours, which the page shows well on light and dark. */
function nearest(red: number, green: number, blue: number): number {
  const bright = Math.max(red, green, blue) > 205 ? 8 : 0;
  const half = Math.max(red, green, blue) / 2;
  const bit = (level: number): number => (level > half ? 1 : 0);
  if (Math.max(red, green, blue) < 40) return 0;
  if (Math.max(red, green, blue) - Math.min(red, green, blue) < 25 && bright === 0) return half > 64 ? 7 : 8;
  return bright + bit(red) + 2 * bit(green) + 4 * bit(blue);
}
