import type { CommandUpdate, UpdateSlot } from '../../contracts/update.js';
import { askSeveral } from './ask-several.js';
import { type UpdateDriver, unreadable } from './driver.js';
import { fill } from './template.js';

/** A product that is driven by commands of its profile. */
export function commandDriver(promise: CommandUpdate): UpdateDriver {
  const refused = promise.refused === undefined ? undefined : new RegExp(promise.refused, 'm');
  const names = Object.keys(promise.slots);
  return {
    reboots: promise.reboots ?? false,
    install: (bundle) => fill(promise.install, { bundle }),
    took: ({ exitCode, stdout }) => exitCode === 0 && !refused?.test(stdout),
    async status(shell, options) {
      const { active, next, health, version, triesLeft } = promise;
      const ofSlots = names.flatMap((slot) =>
        [health, version, triesLeft].map((command) => command && fill(command, { slot })),
      );
      const questions = [active, next, ...ofSlots];
      const asked = questions.filter((command) => command !== undefined);
      const said = [...(await askSeveral(shell, asked, options))];
      const answers = questions.map((command) => (command === undefined ? undefined : said.shift()?.trim()));
      return {
        booted: slotNamed(promise, { said: answers[0], command: active }),
        next: next === undefined ? undefined : slotNamed(promise, { said: answers[1], command: next }),
        slots: names.map((name, index) => slotOf(name, answers.slice(2 + 3 * index, 5 + 3 * index))),
      };
    },
  };
}

function slotOf(name: string, [health, version, tries]: readonly (string | undefined)[]): UpdateSlot {
  return {
    name,
    health: health === 'good' || health === 'bad' ? health : 'unknown',
    ...(version ? { version } : {}),
    ...(tries ? { triesLeft: triesOf(tries) } : {}),
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
