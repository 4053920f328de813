import type { Driver } from '../contracts/driver.js';

/**
 * The one place that names concrete drivers. Each is loaded when a board asks for it, so that `rig --help` costs
 * nothing of them.
 */
export const drivers: Readonly<Record<string, () => Promise<Driver>>> = {
  qemu: async () => (await import('../../qemu/driver.js')).qemuDriver,
  'console-tcp': async () => (await import('../../drivers/console/tcp.js')).tcpConsoleDriver,
  'console-serial': async () => (await import('../../drivers/console/serial.js')).serialConsoleDriver,
  'power-command': async () => (await import('../../drivers/power/command.js')).commandPowerDriver,
};
