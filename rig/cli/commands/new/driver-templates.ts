/** A power switch to start from: one that a file works, as an attribute of sysfs does. Its actuator is what differs. */
export function driverTemplate(name: string): string {
  return `import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Driver } from '../../rig/contracts/driver.js';
import { driverOptions } from '../options.js';
import { SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const options = driverOptions(
  z.strictObject({
    path: z
      .string()
      .regex(/^\\//, { error: 'an absolute path' })
      .meta({ description: 'File that holds 1 while the board has power, and 0 while it has not.' }),
    ...switchShape,
  }),
);

/** What it switches, in one sentence, and where its protocol is written down. */
export const ${camel(name)}PowerDriver: Driver = {
  name: 'power-${name}',
  roles: ['power'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [\`switch \${options.parse(config).path}\`],
  open: async (config, context, cancel) => {
    const parsed = options.parse(config);
    const actuator = {
      device: \`the switch \${parsed.path}\`,
      hint: 'Look whether this user may write the file, and whether something else does.',
      set: (state: 'on' | 'off') => writeFile(parsed.path, state === 'on' ? '1' : '0'),
      read: async () => ((await readFile(parsed.path, 'utf8')).trim() === '1' ? ('on' as const) : ('off' as const)),
    };
    return SwitchDevice.open('power-${name}', { actuator, options: parsed, context, ...cancel });
  },
};
`;
}

/** Judges it as every power driver is judged, on a board that a socket plays. */
export function driverTestTemplate(name: string): string {
  return `// test: light
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openDevices } from '../rig/cli/registry.js';
import { powerConformance } from './conformance/power.js';
import { playBoard } from './wired/desk-board.js';
import { board, context, folder, joined } from './wired/support.js';

t.setTimeout(120_000);

t.test('power-${name} keeps what every power switch keeps', (t) =>
  powerConformance(t, {
    started: 'started\\r\\n',
    question: { line: 'marco\\n', answer: 'polo\\r\\n' },
    open: async (emit) => {
      const cwd = folder(t);
      const path = join(cwd, 'switch');
      writeFileSync(path, '0');
      const orders: string[] = [];
      const socket = join(cwd, 'console.sock');
      playBoard(t, {
        socket,
        orders: () => {
          const state = readFileSync(path, 'utf8').trim() === '1' ? 'on' : 'off';
          if (state !== orders.at(-1)) orders.push(state);
          return orders;
        },
      });
      const drivers = {
        console: { driver: 'console-tcp', options: { socket } },
        power: { driver: 'power-${name}', options: { path } },
      };
      return joined(await openDevices({ ...board, drivers }, { ...context(), emit }, {}));
    },
  }),
);
`;
}

const registryEnd = '\n};\n';

/** The registry's text with the driver in it, as the last of all; undefined when the registry is not what it was. */
export function registered(registry: string, name: string): string | undefined {
  const end = registry.indexOf(registryEnd, registry.indexOf('export const drivers'));
  if (end < 0) return undefined;
  const entry = `\n  'power-${name}': async () => (await import('../../drivers/power/${name}.js')).${camel(name)}PowerDriver,`;
  return registry.slice(0, end) + entry + registry.slice(end);
}

function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
