import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { runProgram } from '../../rig/lifetime/run-program.js';

/** Files of the kernel's source that the module is made of; Debian's kernels have neither it nor what it hangs on (IRQ_SIM). */
const sources = ['drivers/gpio/gpio-sim.c', 'drivers/gpio/gpiolib.h', 'kernel/irq/irq_sim.c'];

const kbuild = `obj-m := gpio-sim-boardrig.o
gpio-sim-boardrig-y := gpio-sim.o irq_sim.o
`;

/** Name of the module's file, which differs from gpio-sim.o that it is linked from. */
export const gpioSimModule = 'gpio-sim-boardrig.ko';

/**
 * Builds the kernel's GPIO simulator (Documentation/admin-guide/gpio/gpio-sim.rst) for the kernel whose headers and source
 * Debian's packages hold.
 *
 * @param packages where those packages are unpacked
 * @param options `folder`: an empty one, where the module comes to lie
 * @returns path of the module
 * @throws RigError `process.failed` with the compiler's words, `labhost.unknown-source`
 */
export async function buildGpioSim(
  packages: string,
  { folder, release, signal }: { folder: string; release: string } & Cancellable,
): Promise<string> {
  const source = `linux-source-${release.split('.').slice(0, 2).join('.')}`;
  // Without --occurrence tar reads on to the end of a gigabyte.
  const members = sources.map((file) => `${source}/${file}`);
  const flat = ['--transform', 's,.*/,,', '-C', folder];
  await runProgram(
    'tar',
    ['-xJf', join(packages, 'usr/src', `${source}.tar.xz`), '--occurrence=1', ...flat, ...members],
    {
      signal,
    },
  );
  await patch(join(folder, 'irq_sim.c'), {
    from: 'irq_to_desc(irqnum)',
    // irq_to_desc is not exported to modules; this is the same descriptor (include/linux/irq.h).
    to: 'irq_data_to_desc(irq_get_irq_data(irqnum))',
  });
  const headers = join(packages, 'usr/src', `linux-headers-${release}`);
  await patch(join(headers, 'Makefile'), {
    from: 'include /usr/src/',
    to: `include ${join(packages, 'usr/src')}/`,
  });
  await writeFile(join(folder, 'Kbuild'), kbuild);
  await runProgram('make', ['-s', '-C', headers, `M=${folder}`, 'modules'], {
    signal,
    env: { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_KERNEL_NO_CC_VERSION_CHECK: 'y' },
    hint: 'The compiler must be the one that the kernel was built with: apt-get install gcc-12 make.',
  });
  return join(folder, gpioSimModule);
}

async function patch(file: string, { from, to }: { from: string; to: string }): Promise<void> {
  const text = await readFile(file, 'utf8');
  if (!text.includes(from))
    throw new RigError(`${file} no longer says ${JSON.stringify(from)}`, {
      code: 'labhost.unknown-source',
      blame: 'rig',
      hint: "Debian's kernel has changed: qemu/labhost/gpio-sim.ts must follow.",
    });
  await writeFile(file, text.replaceAll(from, to));
}
