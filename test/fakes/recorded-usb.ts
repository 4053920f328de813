import type { Setup } from '../../qemu/labhost/usb/packets.js';
import { commandBlock } from './usb-guest.js';

/** What QEMU 7.2 sent for Linux 6.1, to a USB-SD-Mux and (the last) to an FT230X; what the packets mean. */
export const recorded: readonly (readonly [hex: string, packet: Record<string, unknown>])[] = [
  [
    `000000004400000000000000${Buffer.from('qemu usb-redir guest 7.2.22').toString('hex').padEnd(128, '0')}ff000000`,
    { kind: 'hello', version: 'qemu usb-redir guest 7.2.22' },
  ],
  ['03000000000000000000000000000000', { kind: 'reset' }],
  [
    '640000000a0000000050560600000000800680a8000100004000',
    { kind: 'control', id: 106319872n, setup: setupOf(0x80, 6, 0x100, 0, 64), data: Buffer.alloc(0) },
  ],
  ['0600000001000000805156060000000001', { kind: 'set-configuration', id: 106320256n, configuration: 1 }],
  [
    '640000000a000000a05156060000000080fea116000000000100',
    { kind: 'control', id: 106320288n, setup: setupOf(0xa1, 0xfe, 0, 0, 1), data: Buffer.alloc(0) },
  ],
  [
    '65000000290000000050dd060000000002001f00000000000000' +
      '55534243010000002400000080000612000000240000000000000000000000',
    {
      kind: 'bulk',
      id: 115167232n,
      endpoint: 2,
      length: 31,
      data: commandBlock({ tag: 1, length: 36, isIn: true }, [0x12, 0, 0, 0, 36, 0]),
    },
  ],
  [
    '650000000a0000000030dd060000000081002400000000000000',
    { kind: 'bulk', id: 115159040n, endpoint: 0x81, length: 36, data: Buffer.alloc(0) },
  ],
  [
    '640000000a000000d0515606000000000001026a000081000000',
    { kind: 'control', id: 106320336n, setup: setupOf(2, 1, 0, 0x81, 0), data: Buffer.alloc(0) },
  ],
  ['15000000000000001070ec0600000000', { kind: 'cancel', id: 116158480n }],
];

function setupOf(
  ...[requestType, request, value, index, length]: readonly [number, number, number, number, number]
): Setup {
  return { requestType, request, value, index, length };
}
