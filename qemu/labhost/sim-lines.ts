import { mkdirSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const configfs = '/sys/kernel/config/gpio-sim';
/** The simulator tells nobody when an output changes (gpio-sim.rst), so that it is looked at this often. */
const lookEveryMs = 10;

/** Chips of gpio-sim, driven from inside the lab host by their sysfs attributes. */
export class SimLines {
  readonly #folders = new Map<string, string>();
  /** Kept open: looking is what the lab host does most. */
  readonly #values = new Map<string, number>();
  readonly #levels = new Map<string, 0 | 1>();
  readonly #changed: (line: string, level: 0 | 1) => void;

  constructor(changed: (line: string, level: 0 | 1) => void) {
    this.#changed = changed;
  }

  /** Makes a chip and begins to look at its lines, all of them low. No two lines have the same name, whatever their chips. */
  add(label: string, lines: readonly string[]): void {
    for (const name of lines) if (this.#folders.has(name)) throw new Error(`there is a line ${name} already`);
    const device = join(configfs, label);
    const bank = join(device, 'bank0');
    mkdirSync(bank, { recursive: true });
    writeFileSync(join(bank, 'num_lines'), String(lines.length));
    writeFileSync(join(bank, 'label'), label);
    for (const [offset, name] of lines.entries()) {
      mkdirSync(join(bank, `line${offset}`));
      writeFileSync(join(bank, `line${offset}`, 'name'), name);
    }
    writeFileSync(join(device, 'live'), '1');
    const platform = join(
      '/sys/devices/platform',
      read(join(device, 'dev_name')),
      read(join(bank, 'chip_name')),
    );
    for (const [offset, name] of lines.entries()) {
      const folder = join(platform, `sim_gpio${offset}`);
      this.#folders.set(name, folder);
      this.#values.set(name, openSync(join(folder, 'value'), 'r'));
      this.#levels.set(name, 0);
    }
  }

  pull(line: string, level: 0 | 1): void {
    const folder = this.#folders.get(line);
    if (folder === undefined) throw new Error(`there is no line ${line}`);
    writeFileSync(join(folder, 'pull'), level === 1 ? 'pull-up' : 'pull-down');
  }

  /** Until the process ends. */
  look(): void {
    setInterval(() => {
      for (const [line, file] of this.#values) {
        const level = levelOf(file);
        if (level === undefined || level === this.#levels.get(line)) continue;
        this.#levels.set(line, level);
        this.#changed(line, level);
      }
    }, lookEveryMs);
  }
}

const digit = Buffer.alloc(1);

/** Undefined for a chip that was taken away. */
function levelOf(file: number): 0 | 1 | undefined {
  try {
    readSync(file, digit, 0, 1, 0);
    return digit[0] === 0x31 ? 1 : 0;
  } catch {
    return undefined;
  }
}

function read(path: string): string {
  return readFileSync(path, 'utf8').trim();
}
