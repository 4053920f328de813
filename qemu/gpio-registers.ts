/** Where the levels of a line can be read: the address of a 32-bit register, and its bit there. */
export interface LineRegister {
  readonly address: number;
  readonly mask: number;
}

interface Controller {
  /** How many lines the machine has. */
  readonly lines: number;
  registerOf(line: number): LineRegister;
}

const bitsPerRegister = 32;

/**
 * The PL061 of the "virt" machine (qemu: hw/arm/virt.c, VIRT_GPIO). Its data register is there at 256 addresses: bits 9 to 2
 * of the address are a mask of the lines that are read (Arm PrimeCell GPIO PL061 manual, DDI 0190B, 3.3.1).
 */
const pl061: Controller = {
  lines: 8,
  registerOf: (line) => ({ address: 0x0903_0000 + ((1 << line) << 2), mask: 1 << line }),
};

/** GPLEV0 and GPLEV1 (BCM2835 ARM Peripherals, 6.1); where the peripherals begin differs (qemu: hw/arm/bcm2836.c). */
function bcm2835(peripherals: number): Controller {
  return {
    lines: 54,
    registerOf: (line) => ({
      address: peripherals + 0x20_0034 + 4 * Math.floor(line / bitsPerRegister),
      mask: 1 << (line % bitsPerRegister),
    }),
  };
}

/**
 * The seven controllers of the i.MX 6, 32 lines each: line 32 is the first of GPIO2. The data register holds what an output was set to
 * (i.MX 6Dual/6Quad Reference Manual, IMX6DQRM, 28.5; their addresses: chapter 2).
 */
const imx6: Controller = {
  lines: 7 * bitsPerRegister,
  registerOf: (line) => ({
    address: 0x0209_c000 + 0x4000 * Math.floor(line / bitsPerRegister),
    mask: 1 << (line % bitsPerRegister),
  }),
};

const controllers: readonly (readonly [model: RegExp, Controller])[] = [
  [/^virt\b/, pl061],
  [/^raspi[01]/, bcm2835(0x2000_0000)],
  [/^raspi[23]/, bcm2835(0x3f00_0000)],
  [/^sabrelite\b/, imx6],
];

/** The register of `line` on a machine of that model; undefined where the rig knows of no such line. */
export function lineRegister(model: string, line: number): LineRegister | undefined {
  const controller = controllers.find(([name]) => name.test(model))?.[1];
  return controller && line >= 0 && line < controller.lines ? controller.registerOf(line) : undefined;
}
