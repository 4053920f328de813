import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { qemuDriver } from '../../qemu/driver.js';
import type { BoardConfig, MachineSpec } from '../../rig/contracts/board.js';
import type { Device, DeviceEvent } from '../../rig/contracts/driver.js';
import { readProcessStat } from '../../rig/lifetime/process-stat.js';
import type { DeviceMaker } from '../conformance/device.js';
import { bareProfile } from '../fakes/bare-profile.js';

/** U-Boot alone on arm64: at its prompt after 0.3 CPU seconds. */
export const uBootMachine: MachineSpec = {
  model: 'virt',
  cpu: 'cortex-a57',
  cpus: 1,
  memoryMiB: 128,
  boot: {
    kind: 'u-boot',
    image: '/usr/lib/u-boot/qemu_arm64/u-boot.bin',
    // -1: no countdown, straight to the prompt.
    environment: { bootdelay: '-1', mood: 'serene' },
  },
  disk: 'virtio-mmio',
  nic: 'virtio-mmio',
  rng: 'virtio-mmio',
  forward: [22222, 80],
};

export const prompt = '=> ';

export function boardConfig(name: string, machine: MachineSpec = uBootMachine): BoardConfig {
  const type = {
    name: 'u-boot-alone',
    summary: 'U-Boot and nothing to boot',
    arch: machine.model.startsWith('virt') ? ('arm64' as const) : ('amd64' as const),
    machine,
    capabilities: [],
    signatures: { prompt: { literal: prompt } },
    profile: 'none',
    flash: 'direct' as const,
    inventory: {},
    budgetsMs: { shell: 20_000 },
  };
  return { name, type, profile: bareProfile, labels: [], drivers: {} };
}

let root: string | undefined;

/** A folder of this process, removed when it ends. */
function folders(): string {
  if (root === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'qemu-boards-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    root = made;
  }
  return root;
}

export async function openBoard(
  emit: (event: DeviceEvent) => void,
  {
    name = 'board',
    machine = uBootMachine,
    folder = mkdtempSync(join(folders(), 'board,')),
  }: { name?: string; machine?: MachineSpec; folder?: string } = {},
): Promise<Device> {
  return qemuDriver.open(
    { driver: 'qemu', options: {} },
    {
      board: boardConfig(name, machine),
      workDir: join(folder, 'work'),
      stateDir: join(folder, 'state'),
      emit,
    },
  );
}

/** `virtio-mmio` device 31 of the `virt` machine; its status word follows the MAC address (virtio 1.1, 5.1.4). */
const carrierWord = '0a003f06';

export const uBootMaker: DeviceMaker = {
  open: (emit) => openBoard(emit),
  started: prompt,
  question: { line: 'echo $mood mind\n', answer: 'serene mind' },
  carrier: { line: `md.w ${carrierWord} 1\n`, up: `${carrierWord}: 0001`, down: `${carrierWord}: 0000` },
};

/** QEMUs that this process has started and that still run. */
export function qemuChildren(pid = process.pid): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)
    .filter((child) => {
      const state = readProcessStat(child)?.state;
      return state !== undefined && state !== 'Z';
    });
}
