import { z } from 'zod';
import { capabilityNames } from '../contracts/capabilities.js';
import { duration, memoryMiB } from '../schema/unit-schemas.js';
import { architectures, plainName, text } from './names.js';
import { knownWarning, regexpSource } from './pattern.js';

const signature = z.union([z.strictObject({ literal: text }), z.strictObject({ regexp: regexpSource })], {
  error: 'a mapping with one key: literal (text) or regexp (a regular expression)',
});

const wholeNumber = z.int().min(1);
const port = z.int().min(1).max(65535);

const boot = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('u-boot'),
    image: text,
    environment: z.record(z.string(), z.string()).optional(),
  }),
  z.strictObject({ kind: z.literal('uefi'), code: text, variables: text, guarded: z.boolean().optional() }),
  z.strictObject({
    kind: z.literal('kernel'),
    kernel: text,
    initrd: text.optional(),
    append: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal('firmware-files'),
    kernel: text,
    initrd: text.optional(),
    deviceTree: text.optional(),
    commandLine: text.optional(),
  }),
  z.strictObject({ kind: z.literal('boot-rom') }),
]);

const machine = z.strictObject({
  model: text,
  cpu: text,
  cpus: wholeNumber.default(1),
  memory: memoryMiB.default(256),
  medium: memoryMiB.optional(),
  boot,
  disk: z.enum(['virtio-mmio', 'virtio-pci', 'nvme', 'ahci', 'sdhci-pci', 'sd']).optional(),
  sdSlot: z.int().min(0).max(3).optional(),
  restartText: text.optional(),
  timerHz: wholeNumber.optional(),
  clock: z.enum(['instructions']).optional(),
  serialLine: z.int().min(0).max(3).optional(),
  slot: z.enum(['virtio-mmio', 'virtio-pci']).optional(),
  card: memoryMiB.optional(),
  lines: z.record(plainName, z.int().min(0).max(223)).optional(),
  netboot: z.boolean().optional(),
  nic: z.enum(['virtio-mmio', 'virtio-pci', 'e1000', 'e1000e', 'usb', 'on-board']).optional(),
  rng: z.enum(['virtio-mmio', 'virtio-pci']).optional(),
  watchdog: z.enum(['i6300esb']).optional(),
  display: z.enum(['vga']).optional(),
  forward: z.array(port).default([]),
});

/** A board type as its file holds it. */
export const boardTypeSchema = z.strictObject({
  name: plainName.optional(),
  summary: z.string().default(''),
  arch: z.enum(architectures),
  machine: machine.optional(),
  capabilities: z.array(z.enum(capabilityNames)).default(['power', 'console']),
  signatures: z.strictObject({
    firmware: signature.optional(),
    bootloader: signature.optional(),
    kernel: signature.optional(),
    init: signature.optional(),
    login: signature.optional(),
    prompt: signature.optional(),
  }),
  login: z.strictObject({ user: text, password: z.string().optional() }).optional(),
  profile: text.default('bare'),
  flash: z.enum(['direct', 'sd', 'flasher', 'netboot', 'none']).default('none'),
  image: plainName.optional(),
  untested: text.optional(),
  sources: z.array(text).optional(),
  knownKernelWarnings: z.array(knownWarning).optional(),
  muxUnderPower: z.boolean().optional(),
  flasher: z
    .strictObject({ failed: signature.optional(), led: plainName.optional(), budget: duration })
    .optional(),
  inventory: z
    .strictObject({
      cpus: wholeNumber.optional(),
      memory: memoryMiB.optional(),
      disk: text.optional(),
      network: z.array(text).optional(),
      leds: z.record(text, plainName.nullable()).optional(),
      clock: z.boolean().optional(),
    })
    .default({}),
  budgets: z
    .strictObject({
      firmware: duration.optional(),
      bootloader: duration.optional(),
      kernel: duration.optional(),
      init: duration.optional(),
      shell: duration,
    })
    .default({ shell: 180_000 }),
});
