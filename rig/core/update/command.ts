import type { Shell, WaitOptions } from '../../contracts/suite.js';
import type { CommandUpdate, UpdateSlot } from '../../contracts/update.js';
import { type UpdateDriver, unreadable } from './driver.js';
import { fill } from './template.js';

/** A product that is driven by commands of its profile. */
export function commandDriver(promise: CommandUpdate): UpdateDriver {
  const refused = promise.refused === undefined ? undefined : new RegExp(promise.refused, 'm');
  const ask = async (
    shell: Shell,
    question: { readonly command: string | undefined; readonly slot?: string } & WaitOptions,
  ): Promise<string | undefined> => {
    const { command, slot = '', ...options } = question;
    return command === undefined ? undefined : (await shell.text(fill(command, { slot }), options)).trim();
  };
  return {
    reboots: promise.reboots ?? false,
    install: (bundle) => fill(promise.install, { bundle }),
    took: ({ exitCode, stdout }) => exitCode === 0 && !refused?.test(stdout),
    async status(shell, options) {
      const active = await ask(shell, { command: promise.active, ...options });
      const booted = slotNamed(promise, { said: active, command: promise.active });
      const next = await ask(shell, { command: promise.next, ...options });
      const slots: UpdateSlot[] = [];
      for (const name of Object.keys(promise.slots)) {
        const health = await ask(shell, { command: promise.health, slot: name, ...options });
        const version = await ask(shell, { command: promise.version, slot: name, ...options });
        const tries = await ask(shell, { command: promise.triesLeft, slot: name, ...options });
        slots.push({
          name,
          health: health === 'good' || health === 'bad' ? health : 'unknown',
          ...(version ? { version } : {}),
          ...(tries ? { triesLeft: triesOf(tries) } : {}),
        });
      }
      return {
        booted,
        next:
          promise.next === undefined ? undefined : slotNamed(promise, { said: next, command: promise.next }),
        slots,
      };
    },
  };
}

/** A slot that the profile does not know is a wrong profile or a broken product; to guess would hide both. */
function slotNamed(
  { slots }: CommandUpdate,
  { said = '', command }: { readonly said: string | undefined; readonly command: string },
): string {
  if (Object.hasOwn(slots, said)) return said;
  throw unreadable(`one of the slots ${Object.keys(slots).join(', ')} from ${JSON.stringify(command)}`, said);
}

/** @throws RigError `update.unreadable-status` */
export function triesOf(said: string): number {
  if (/^\d{1,3}$/.test(said)) return Number(said);
  throw unreadable('how many tries are left', said);
}
