import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { portMac } from '../../qemu/labhost/command-line.js';
import { packageRoot } from '../../rig/config/package.js';
import { reader, serialPath } from './inside/places.js';

/**
 * An ordinary lab file for the board outside, as a person in front of it would write it, and its type: that of the virtual
 * board without the machine, flashed by its card. Its budgets are for a host that also plays the board and the lab host.
 */
export function writeDeskLab(folder: string): void {
  const type = readFileSync(join(packageRoot, 'rig/boards/virt-arm64.yaml'), 'utf8');
  const wired = type
    .replace(/^machine:\n(?: .*\n|\n)*/m, '')
    .replace(/^name: .*$/m, '')
    .replace(/^capabilities: .*$/m, 'capabilities: [power, console, mux, link, address, shell]')
    .replace(/^flash: .*$/m, 'flash: sd')
    .replace(
      /^budgets: .*$/m,
      'budgets: { firmware: 120s, bootloader: 180s, kernel: 240s, init: 300s, shell: 400s }',
    );
  writeFileSync(join(folder, 'desk-type.yaml'), wired);
  writeFileSync(
    join(folder, 'lab.yaml'),
    `boards:
  desk:
    type: ./desk-type.yaml
    labels: [wired]
    drivers:
      power:
        driver: power-gpio
        line: { chip: wires, name: RELAY }
        settle: 500ms
      console:
        driver: console-serial
        path: ${serialPath}
      mux:
        driver: mux-gpio
        line: { chip: wires, name: MUX }
        rig: high
        reader: ${reader}
      network:
        driver: network-port
        interface: ${portMac}
`,
  );
}
