import { z } from 'zod';
import { plainName, text } from './names.js';
import { knownWarning, regexpSource } from './pattern.js';

const port = z.int().min(1).max(65535);
const folder = text.regex(/^\//, { error: 'an absolute path' });
const kept = z.literal(true, { error: 'true, or nothing' });

function byVariant<T extends z.ZodType>(value: T) {
  return z.strictObject({ dev: value, prod: value });
}

const engine = z.strictObject({
  command: text,
  port: byVariant(port.nullable()),
  unit: text,
  runtime: text,
  watchdogSeconds: z.int().min(1),
  image: text,
  healthFile: folder,
  nameServer: z.ipv4(),
});

/** A command with a place for each of `names`. */
function holding(...names: readonly string[]) {
  return text.refine((command) => names.every((name) => command.includes(name)), {
    error: `a command with ${names.join(' and ')}`,
  });
}

const updates = {
  slots: z.record(text, text),
  tries: z.int().min(1),
  fetch: z.strictObject({ folder, command: holding('{url}', '{file}') }).optional(),
  kill: text,
  downgrades: z.literal('refused').optional(),
  signs: z
    .strictObject({
      chosen: regexpSource,
      notLoaded: regexpSource.optional(),
      version: regexpSource.optional(),
      good: regexpSource.optional(),
      bad: regexpSource.optional(),
    })
    .optional(),
  triesLeft: text.optional(),
};

const update = z.discriminatedUnion('driver', [
  z.strictObject({ driver: z.literal('rauc'), ...updates }),
  z.strictObject({
    driver: z.literal('command'),
    ...updates,
    install: holding('{bundle}'),
    active: text,
    next: text.optional(),
    health: text.optional(),
    version: text.optional(),
    refused: regexpSource.optional(),
    reboots: kept.optional(),
  }),
]);

/** What a product may promise; contracts/promises.ts says what each means. */
const promises = z.strictObject({
  openPorts: byVariant(z.array(port)),
  config: z.strictObject({ file: text, complaint: regexpSource }),
  liveConfig: z.strictObject({ command: text }),
  systemd: z.strictObject({ critical: z.array(text), oomScoreAdjust: z.int().min(-1000).max(1000) }),
  stateLinks: z.strictObject({ folder, active: text, inactive: text }),
  repair: kept,
  substitute: z.strictObject({ report: regexpSource }),
  purge: z.strictObject({ command: text, wipes: z.array(z.enum(['state', 'data'])).min(1) }),
  swap: z.strictObject({ device: text }),
  watchdog: z.strictObject({ device: folder, seconds: z.int().min(1) }),
  journal: z.strictObject({ memoryMiB: z.int().min(1), volatile: folder, persistent: folder }),
  bootRecord: z.strictObject({ file: folder }),
  networkManager: z.strictObject({ connections: text }),
  resolver: z.strictObject({ address: z.ipv4() }),
  timeSync: z.strictObject({ withinSeconds: z.int().min(1) }),
  mdns: byVariant(z.boolean()),
  sshKeys: kept,
  udevRules: kept,
  modems: kept,
  wifi: kept,
  vpn: z.strictObject({ unit: text, config: folder }),
  screen: byVariant(z.enum(['login', 'picture'])),
  engine,
  update,
});

const edition = z.strictObject({
  when: z.strictObject({ field: text, matches: regexpSource }),
  lacks: z.array(promises.keyof()),
});

/** A device profile as its file holds it. */
export const profileSchema = z.strictObject({
  name: plainName.optional(),
  ssh: z.strictObject({ port, user: text }),
  httpPort: port.optional(),
  partitions: z
    .array(
      z.strictObject({
        label: text,
        filesystem: z.enum(['vfat', 'ext4']),
        gptType: z.guid().lowercase().optional(),
        readOnly: z.boolean(),
        grows: z.boolean().optional(),
      }),
    )
    .default([]),
  roots: z.array(text).default([]),
  mounts: z.strictObject({ boot: text, state: text, data: text }),
  osRelease: z.record(z.string(), regexpSource).default({}),
  consoleLogin: byVariant(z.boolean()),
  passwordlessRoot: byVariant(z.boolean()),
  mediumLogs: z.array(z.strictObject({ partition: text, paths: z.array(text) })).default([]),
  knownKernelWarnings: z.array(knownWarning).default([]),
  editions: z.array(edition).default([]),
  ...promises.partial().shape,
});
