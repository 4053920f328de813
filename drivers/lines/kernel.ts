import { closeSync, constants, openSync, readdirSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** A system call that failed, with the kernel's reason. */
export class KernelError extends Error {
  readonly code: string;

  constructor(call: string, code: string) {
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/** The system calls that GPIO needs: the only part that a test replaces. Errors have `code`: `EBUSY`, `EACCES`. */
export interface GpioKernel {
  /** Paths of the character devices. */
  chipPaths(): readonly string[];
  /** Where a chip hangs, as sysfs tells. */
  placeOf(path: string): { readonly usb?: string | undefined; readonly serial?: string | undefined };
  open(path: string): number;
  /** Reads and writes `bytes`. */
  ioctl(file: number, request: number, bytes: Buffer): void;
  /** Of a watched file, never waits. @returns how many bytes there were, perhaps none */
  read(file: number, bytes: Buffer): number;
  close(file: number): void;
  /** Calls `ready` whenever there is something to read, or `failed` once when there never will be again. */
  watch(file: number, on: { ready(): void; failed(error: Error): void }): Disposable;
}

/** F_SETFL of fcntl(2). */
const setStatusFlags = 4;

/** This host's. Loads koffi, for ioctl(2), and the poller of serialport. */
export async function hostKernel(): Promise<GpioKernel> {
  const { default: koffi } = await import('koffi');
  // Not variadic in the calling convention of any Linux machine that Node runs on.
  const libc = koffi.load(null);
  const call = libc.func('int ioctl(int file, unsigned long request, void *bytes)') as (
    file: number,
    request: number,
    bytes: Buffer,
  ) => number;
  const control = libc.func('int fcntl(int file, int command, int flags)') as (
    file: number,
    command: number,
    flags: number,
  ) => number;
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  const { Poller } = createRequire(import.meta.url)('@serialport/bindings-cpp/dist/poller.js') as {
    Poller: typeof import('@serialport/bindings-cpp/dist/poller.js').Poller;
  };
  return {
    chipPaths: () =>
      readdirSync('/dev')
        .filter((name) => /^gpiochip\d+$/.test(name))
        .map((name) => join('/dev', name)),
    placeOf: (path) => usbPlaceOf(join('/sys/bus/gpio/devices', path.replace(/^\/dev\//, ''))),
    open: (path) => openSync(path, 'r+'),
    ioctl: (file, request, bytes) => {
      if (call(file, request, bytes) === -1) throw new KernelError('ioctl', names.get(koffi.errno()) ?? '?');
    },
    read: (file, bytes) => {
      try {
        return readSync(file, bytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
        throw error;
      }
    },
    close: closeSync,
    watch: (file, on) => {
      // A wake-up may be stale; a read that then waited would stop the whole process.
      if (control(file, setStatusFlags, constants.O_RDWR | constants.O_NONBLOCK) === -1)
        throw new KernelError('fcntl', names.get(koffi.errno()) ?? '?');
      const poller = new Poller(file);
      let ended = false;
      const next = (): void => {
        poller.once('readable', (error) => {
          if (ended) return;
          if (error) return on.failed(error);
          on.ready();
          // `ready` may have ended it.
          if (!ended) next();
        });
      };
      next();
      return {
        [Symbol.dispose]: () => {
          ended = true;
          // Without `stop` the handle keeps the process alive until the poller is collected.
          poller.stop();
          poller.destroy();
        },
      };
    },
  };
}

/** The nearest USB device above `folder` of sysfs, by the name that its socket gives it: bus-port.port. */
export function usbPlaceOf(folder: string): { usb?: string; serial?: string } {
  let real: string;
  try {
    real = realpathSync(folder);
  } catch {
    return {};
  }
  const parts = real.split('/');
  const at = parts.findLastIndex((part) => /^\d+-\d+(?:\.\d+)*$/.test(part));
  const usb = parts[at];
  if (usb === undefined) return {};
  try {
    const serial = readFileSync(join(parts.slice(0, at + 1).join('/'), 'serial'), 'utf8').trim();
    return serial === '' ? { usb } : { usb, serial };
  } catch {
    return { usb };
  }
}
