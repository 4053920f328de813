/** The names that stay: of QEMU's FTDI adapter, and of the socket that the card reader is in, on the root hub for USB 3. */
export const serialPath = '/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_LAB00001-if00-port0';
export const reader = '2-2';

/** Sockets of the emulated devices, all behind one hub but the fast one. */
export const usbPorts = {
  hub: '3',
  sdwire: ['3.1', '3.2'],
  twins: ['3.3', '3.4'],
  adapter: '3.5',
  mux: '4',
} as const;
/** The kernel's name of a socket; the first bus is the one for USB 2. */
export const usbAt = (port: string): string => `1-${port}`;

export const adapterSerial = 'WIRE0001';
export const adapterPath = `/dev/serial/by-id/usb-FTDI_wire_${adapterSerial}-if00-port0`;
/** One name for two. */
export const twinPath = '/dev/serial/by-id/usb-FTDI_twin-if00-port0';
export const sdwireSerial = 'sdw-7';
export const muxSerial = '00048.00643';
/** What the card begins with that both muxes switch. */
export const cardMark = 'a card that the muxes switch';
