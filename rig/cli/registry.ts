import type { BoardConfig, DriverConfig } from '../contracts/board.js';
import type { Cancellable } from '../contracts/capabilities.js';
import type { Device, Driver, DriverContext } from '../contracts/driver.js';
import { RigError } from '../contracts/errors.js';
import type { OpenDevices } from '../core/session/assemble.js';
import { DisposalStack } from '../lifetime/disposal-stack.js';
import { ClaimedDevice, takeClaims } from './claimed-device.js';

/**
 * The one place that names concrete drivers. Each is loaded when a board asks for it, so that `rig --help` costs
 * nothing of them.
 */
export const drivers: Readonly<Record<string, () => Promise<Driver>>> = {
  qemu: async () => (await import('../../qemu/driver.js')).qemuDriver,
  'address-lease': async () => (await import('../../drivers/network/lease.js')).leaseAddressDriver,
  'boot-mode-lines': async () => (await import('../../drivers/boot-mode/lines.js')).bootModeLinesDriver(),
  'console-program': async () => (await import('../../drivers/console/program.js')).programConsoleDriver,
  'console-rfc2217': async () => (await import('../../drivers/console/rfc2217.js')).rfc2217ConsoleDriver,
  'console-tcp': async () => (await import('../../drivers/console/tcp.js')).tcpConsoleDriver,
  'console-serial': async () => (await import('../../drivers/console/serial.js')).serialConsoleDriver,
  'gpio-lines': async () => (await import('../../drivers/gpio/lines.js')).gpioLinesDriver(),
  'mux-gpio': async () => (await import('../../drivers/storage/gpio-mux.js')).gpioMuxDriver(),
  'mux-sdwire': async () => (await import('../../drivers/storage/sdwire.js')).sdwireDriver(),
  'mux-usbsdmux': async () => (await import('../../drivers/storage/usbsdmux.js')).usbsdmuxDriver(),
  'netboot-command': async () => (await import('../../drivers/netboot/command.js')).commandNetbootDriver,
  'network-access-point': async () =>
    (await import('../../drivers/network/access-point.js')).accessPointDriver,
  'network-port': async () => (await import('../../drivers/network/port.js')).networkPortDriver,
  'power-command': async () => (await import('../../drivers/power/command.js')).commandPowerDriver,
  'power-button': async () => (await import('../../drivers/power/button.js')).buttonPowerDriver(),
  'power-gpio': async () => (await import('../../drivers/power/gpio.js')).gpioPowerDriver(),
  'power-http': async () => (await import('../../drivers/power/http.js')).httpPowerDriver,
  'power-manual': async () => (await import('../../drivers/power/manual.js')).manualPowerDriver,
  'power-snmp': async () => (await import('../../drivers/power/snmp.js')).snmpPowerDriver,
  'power-usb-hub': async () => (await import('../../drivers/power/usb-hub.js')).usbHubPowerDriver,
};

/**
 * Opens what the board hangs on: the drivers that the lab file names, or QEMU when it names none. When one cannot be
 * opened, those before it are closed again in reverse order, and what fails in that is kept with the first error.
 */
export const openDevices: OpenDevices = async (board, context, options) => {
  const configs = driversOf(board);
  const opened = new DisposalStack();
  const devices: Device[] = [];
  try {
    for (const [role, config] of configs) {
      const load = drivers[config.driver];
      if (!load)
        throw new RigError(
          `Board ${board.name} wants the driver ${JSON.stringify(config.driver)} as its ${role}, which this rig does not have`,
          {
            code: 'config.unknown-driver',
            blame: 'config',
            hint: `Drivers: ${Object.keys(drivers).join(', ')}.`,
          },
        );
      const driver = await load();
      options.signal?.throwIfAborted();
      // A strap may be an output of a board that somebody left on.
      if (role === 'bootMode') for (const { capabilities } of devices) await capabilities.power?.off(options);
      devices.push(opened.use(await openClaimed(driver, { board, config, context, ...options })));
    }
    opened.move();
    return devices;
  } catch (error) {
    try {
      await opened[Symbol.asyncDispose]();
    } catch (closing) {
      throw new AggregateError(
        [error, closing],
        `Board ${board.name} could neither be opened nor closed again`,
        { cause: error },
      );
    }
    throw error;
  }
};

async function openClaimed(
  driver: Driver,
  {
    board,
    config,
    context,
    signal,
  }: { board: BoardConfig; config: DriverConfig; context: DriverContext } & Cancellable,
): Promise<Device> {
  const names = driver.claimScope === 'lab' ? [] : (driver.claims?.(config) ?? []);
  if (names.length === 0) return driver.open(config, context, { signal });
  const claims = await takeClaims(board.name, names, signal);
  try {
    return new ClaimedDevice(await driver.open(config, context, { signal }), claims);
  } catch (error) {
    await claims[Symbol.asyncDispose]();
    throw error;
  }
}

/** Loads the drivers of `boards` without opening anything; an unknown one is told when its board is opened. */
export async function loadDrivers(boards: readonly BoardConfig[]): Promise<void> {
  const names = new Set(boards.flatMap((board) => driversOf(board).map(([, { driver }]) => driver)));
  await Promise.all([...names].map((name) => drivers[name]?.()));
}

function driversOf(board: BoardConfig): readonly (readonly [role: string, config: DriverConfig])[] {
  // Power first: what a killed session left on is off before another driver moves a line of the board.
  const named = Object.entries(board.drivers).sort(
    ([a], [b]) => Number(b === 'power') - Number(a === 'power'),
  );
  return named.length > 0 ? named : [['board', { driver: 'qemu', options: {} }]];
}
