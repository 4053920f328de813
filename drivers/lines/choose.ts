import { existsSync } from 'node:fs';
import { RigError } from '../../rig/contracts/errors.js';
import { CharacterDeviceLines } from './character-device.js';
import { type GpioKernel, hostKernel } from './kernel.js';
import type { LineSource } from './line.js';
import { type MakeSysfsGpio, SysfsLines } from './sysfs.js';
import { encodeLineInfoRequest, requests } from './uapi.js';

/** What the choice depends on; tests hand in another. */
export interface GpioHost {
  kernel(): Promise<GpioKernel>;
  hasSysfs(): boolean;
  sysfs(): Promise<MakeSysfsGpio>;
}

/**
 * GPIO lines by the better of what the kernel offers, asked and not guessed from its version: the character device's second
 * interface (Linux 5.10), or else sysfs.
 *
 * @throws RigError `gpio.none`, `gpio.denied`, `gpio.sysfs-not-built`
 */
export async function chooseLines(host: GpioHost = thisHost): Promise<LineSource> {
  const kernel = await host.kernel();
  const answers = kernel.chipPaths().map((path) => ({ path, answer: probe(kernel, path) }));
  if (answers.some(({ answer }) => answer === 'yes'))
    return new CharacterDeviceLines(kernel, { reason: 'the kernel offers the character device, version 2' });
  const denied = answers.find(({ answer }) => answer === 'denied');
  if (denied)
    throw new RigError(`This user may not open ${denied.path}`, {
      code: 'gpio.denied',
      blame: 'rig',
      hint: 'Join the group that owns it (gpio; a udev rule gives it to one) and log in again.',
    });
  if (host.hasSysfs())
    return new SysfsLines(await host.sysfs(), {
      reason:
        answers.length > 0
          ? 'the kernel is older than 5.10: its character device has no version 2'
          : 'the kernel has no GPIO character device',
    });
  throw new RigError('This host has no GPIO lines: neither /dev/gpiochip* nor /sys/class/gpio is there', {
    code: 'gpio.none',
    blame: 'rig',
    hint: 'Plug the adapter in and look at dmesg; a container needs the device passed in.',
  });
}

export const thisHost: GpioHost = {
  kernel: hostKernel,
  hasSysfs: () => existsSync('/sys/class/gpio/export'),
  sysfs: async () => {
    try {
      const { Gpio } = await import('onoff');
      return (number, direction, edge, options) => new Gpio(number, direction, edge, options);
    } catch (cause) {
      // Its addon is compiled where it is needed; our install runs no scripts.
      throw new RigError('This kernel has GPIO by sysfs only, and the addon for it was not built', {
        code: 'gpio.sysfs-not-built',
        blame: 'rig',
        hint: 'Run: npm rebuild epoll --ignore-scripts=false (it needs a C++ compiler), or use a kernel from 5.10 on.',
        cause,
      });
    }
  },
};

/** A kernel of before answers the request of version 2 with EINVAL or ENOTTY. */
function probe(kernel: GpioKernel, path: string): 'yes' | 'no' | 'denied' {
  try {
    const file = kernel.open(path);
    try {
      kernel.ioctl(file, requests.lineInfo, encodeLineInfoRequest(0));
      return 'yes';
    } finally {
      kernel.close(file);
    }
  } catch (error) {
    return ['EACCES', 'EPERM'].includes((error as { code?: string }).code ?? '') ? 'denied' : 'no';
  }
}
