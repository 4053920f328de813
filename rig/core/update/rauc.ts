import type { RaucUpdate, UpdateSlot, UpdateStatus } from '../../contracts/update.js';
import { askSeveral } from './ask-several.js';
import { triesOf } from './command.js';
import { type UpdateDriver, unreadable } from './driver.js';
import { fill } from './template.js';

const statusCommand = 'rauc status --detailed --output-format=json';

/** RAUC by its command line (rauc(1)); the slots have the names that its bootloader has for them (`bootname`). */
export function raucDriver(promise: RaucUpdate): UpdateDriver {
  return {
    reboots: false,
    install: (bundle) => fill('rauc install {bundle}', { bundle }),
    took: ({ exitCode }) => exitCode === 0,
    async status(shell, options) {
      const { triesLeft, tries } = promise;
      const names = triesLeft === undefined ? [] : Object.keys(promise.slots);
      const counts = names.map((slot) => fill(triesLeft ?? '', { slot }));
      const [said = '', ...left] = await askSeveral(shell, [statusCommand, ...counts], options);
      const status = parseRaucStatus(said);
      const { booted } = status;
      return {
        ...status,
        slots: status.slots.map((slot) => {
          const count = left[names.indexOf(slot.name)];
          return count === undefined ? slot : judged(slot, { left: triesOf(count.trim()), tries, booted });
        }),
      };
    },
  };
}

/**
 * RAUC takes a slot for good as long as it has a try left, which the running one has before anybody found it good. What the
 * bootloader counted down only `rauc status mark-good` fills up again.
 */
function judged(
  slot: UpdateSlot,
  { left, tries, booted }: { readonly left: number; readonly tries: number; readonly booted: string },
): UpdateSlot {
  const health = slot.name !== booted ? slot.health : left >= tries ? 'good' : 'unknown';
  return { ...slot, health, triesLeft: left };
}

/**
 * What `rauc status --detailed --output-format=json` prints (RAUC 1.8, src/main.c, status_formatter_json). `booted` is the name that the
 * bootloader gave, or a device where the kernel's command line tells none; `boot_primary` is a slot's own name.
 *
 * @throws RigError `update.unreadable-status`
 */
export function parseRaucStatus(text: string): UpdateStatus {
  const status = jsonIn(text);
  const entries = Array.isArray(status.slots)
    ? status.slots.flatMap((slot) => Object.entries(fields(slot)))
    : [];
  const slots = entries
    .map(([name, slot]) => ({ name, ...fields(slot) }) as RaucSlot)
    .filter(({ bootname }) => bootname);
  const named = (wanted: unknown): string | undefined =>
    slots.find(({ name, bootname, device }) => [name, bootname, device].includes(String(wanted)))?.bootname;
  const booted = named(status.booted) ?? slots.find(({ state }) => state === 'booted')?.bootname;
  if (booted === undefined) throw unreadable('which slot runs from `rauc status`', text);
  return { booted, next: named(status.boot_primary), slots: slots.map(slotOf) };
}

interface RaucSlot {
  readonly name: string;
  readonly bootname: string;
  readonly device?: string;
  readonly state?: string;
  readonly boot_status?: string;
  readonly slot_status?: unknown;
}

function slotOf({ bootname, device, boot_status, slot_status }: RaucSlot): UpdateSlot {
  const { version } = fields(fields(slot_status).bundle);
  return {
    name: bootname,
    health: boot_status === 'good' || boot_status === 'bad' ? boot_status : 'unknown',
    ...(typeof version === 'string' ? { version } : {}),
    ...(device === undefined ? {} : { device }),
  };
}

function jsonIn(text: string): Readonly<Record<string, unknown>> {
  try {
    return fields(JSON.parse(text));
  } catch {
    throw unreadable('the JSON of `rauc status`', text);
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
