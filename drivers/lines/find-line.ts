import { RigError } from '../../rig/contracts/errors.js';
import type { WantedLine } from './line.js';

/** A GPIO chip of this host, with where it hangs. */
export interface Chip {
  /** `/dev/gpiochip0`, or its folder in sysfs. It may be another's after a reboot, so nobody writes it in a lab file. */
  readonly path: string;
  readonly label: string;
  readonly lines: number;
  /** Path of the USB device that it is in, such as `1-1.4`. */
  readonly usb?: string | undefined;
  readonly serial?: string | undefined;
}

export interface FoundLine {
  readonly chip: Chip;
  readonly offset: number;
  /** For messages and for the kernel's list of who has what. */
  readonly label: string;
}

/**
 * The one line that `wanted` names.
 *
 * @param nameOf the name of a line of a chip, empty where it has none
 * @throws RigError `gpio.no-such-line` with what there is, `gpio.ambiguous-line` with every candidate and its USB path
 */
export function findLine(
  wanted: WantedLine,
  { chips, nameOf }: { chips: readonly Chip[]; nameOf: (chip: Chip, offset: number) => string },
): FoundLine {
  const fitting = chips.filter(
    (chip) =>
      (wanted.chip === undefined || chip.label === wanted.chip) &&
      (wanted.usb === undefined || chip.usb === wanted.usb) &&
      (wanted.serial === undefined || chip.serial === wanted.serial),
  );
  const found: FoundLine[] = [];
  for (const chip of fitting)
    for (let offset = 0; offset < chip.lines; offset += 1) {
      if (wanted.name === undefined ? offset !== wanted.offset : nameOf(chip, offset) !== wanted.name)
        continue;
      found.push({ chip, offset, label: `${wanted.name ?? `line ${offset}`} of ${placeOf(chip)}` });
    }
  const [line] = found;
  if (line && found.length === 1) return line;
  const what = wordsFor(wanted);
  if (line)
    throw new RigError(
      `${what} is ${found.length} lines on this host: ${found.map(({ label }) => label).join('; ')}`,
      {
        code: 'gpio.ambiguous-line',
        blame: 'config',
        hint: 'Say which: give chip, and for adapters of one kind their serial number (serial) or the USB socket they are in (usb).',
        evidence: { candidates: found.map(({ label }) => label) },
      },
    );
  throw new RigError(`Cannot find ${what}: ${whatThereIs(fitting.length > 0 ? fitting : chips, nameOf)}`, {
    code: 'gpio.no-such-line',
    blame: 'config',
    hint: 'gpioinfo lists chips and lines; it must be run by a user who may open /dev/gpiochip*.',
  });
}

/** For claims and messages: the same for every spelling of the same options. */
export function wordsFor({ chip, usb, serial, name, offset }: WantedLine): string {
  const where = [
    chip,
    usb === undefined ? undefined : `USB ${usb}`,
    serial === undefined ? undefined : `serial number ${serial}`,
  ].filter((each) => each !== undefined);
  return `the GPIO line ${name ?? offset}${where.length > 0 ? ` of ${where.join(', ')}` : ''}`;
}

function placeOf({ path, label, usb, serial }: Chip): string {
  return `${label} (${path}${usb === undefined ? '' : `, USB ${usb}`}${serial === undefined ? '' : `, serial number ${serial}`})`;
}

function whatThereIs(chips: readonly Chip[], nameOf: (chip: Chip, offset: number) => string): string {
  if (chips.length === 0) return 'this host has no GPIO chip';
  return `there is ${chips
    .map((chip) => {
      const names = Array.from({ length: chip.lines }, (_, offset) => nameOf(chip, offset)).filter(Boolean);
      const shown = names.length > 12 ? [...names.slice(0, 12), '…'] : names;
      return `${placeOf(chip)} with ${chip.lines} lines${shown.length > 0 ? `: ${shown.join(' ')}` : ' without names'}`;
    })
    .join('; ')}`;
}
