import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabHost } from '../../qemu/labhost/lab-host.js';
import { SdMux } from '../../qemu/labhost/usb/sd-mux.js';
import { SdWire } from '../../qemu/labhost/usb/sdwire.js';
import { adapterSerial, cardMark, muxSerial, sdwireSerial, usbPorts } from './inside/places.js';
import type { Wires } from './outside-board.js';
import { playedBoard } from './played-board.js';
import { FarEnd } from './usb-far-end.js';

const cardBytes = 1024 * 1024;

/**
 * Plugs in what the programs inside find: an adapter with a board of a few words behind it, which also tells what the muxes did; two
 * adapters that cannot be told apart; and two muxes with one card, so that the board scribbles on whichever is tried. Its wires lead
 * nowhere once that is disposed of.
 */
export async function plugDevices(
  host: LabHost,
  parts: { wires: Wires; workDir: string },
): Promise<AsyncDisposable> {
  const card = join(parts.workDir, 'muxed.raw');
  const content = Buffer.alloc(cardBytes);
  content.write(cardMark);
  await writeFile(card, content);
  const adapter = new FarEnd('adapter', {
    product: 'wire',
    serial: adapterSerial,
    cbusGpio: true,
    heard: (bytes) => board.typed(bytes),
  });
  const say = (text: string): void => adapter.chip.send(Buffer.from(text));
  const board = playedBoard({ card, say, led: () => {} });
  const wired = parts.wires.connect(host, board);
  const sdwire = new SdWire(card, {
    serial: sdwireSerial,
    switched: (side) => adapter.note(`sdwire ${side}`),
  });
  const mux = new SdMux(card, { serial: muxSerial, switched: (side) => adapter.note(`sdmux ${side}`) });
  const twin = (name: string): FarEnd => new FarEnd(name, { product: 'twin' });
  const [readerPort, chipPort] = usbPorts.sdwire;
  const [left, right] = usbPorts.twins;
  await host.usb.plugHub(usbPorts.hub);
  await host.usb.plug(sdwire.reader, readerPort);
  await host.usb.plug(sdwire.chip, chipPort);
  await host.usb.plug(twin('left').chip, left);
  await host.usb.plug(twin('right').chip, right);
  await host.usb.plug(adapter.chip, usbPorts.adapter);
  await host.usb.plug(mux.device, usbPorts.mux);
  return wired;
}
