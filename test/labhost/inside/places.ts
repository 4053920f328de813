/** The names that stay: of QEMU's FTDI adapter, and of the socket that the card reader is in, on the root hub for USB 3. */
export const serialPath = '/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_LAB00001-if00-port0';
export const reader = '2-2';
