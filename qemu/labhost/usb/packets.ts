/**
 * The packets of usbredir 0.7 (docs/usb-redirection-protocol.md of that project) that a device with bulk endpoints needs. QEMU is the
 * protocol's usb-guest, we are its usb-host. All numbers are little endian.
 */
export const types = {
  hello: 0,
  deviceConnect: 1,
  reset: 3,
  interfaceInfo: 4,
  endpointInfo: 5,
  setConfiguration: 6,
  getConfiguration: 7,
  configurationStatus: 8,
  setAltSetting: 9,
  getAltSetting: 10,
  altSettingStatus: 11,
  cancel: 21,
  filterReject: 22,
  filterFilter: 23,
  disconnectAck: 24,
  control: 100,
  bulk: 101,
} as const;

export const statuses = { success: 0, cancelled: 1, inval: 2, ioError: 3, stall: 4 } as const;
export type Status = (typeof statuses)[keyof typeof statuses];

/** Sizes in bytes; a hello has no right yet to the long ids that it is about to agree on. */
export const sizes = { helloHeader: 12, header: 16, version: 64, control: 10, bulk: 10 } as const;

export const directionIn = 0x80;

/** A control transfer's first stage (USB 2.0, 9.3). */
export interface Setup {
  readonly requestType: number;
  readonly request: number;
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

/** What QEMU says. */
export type GuestPacket =
  | { readonly kind: 'hello'; readonly version: string }
  | { readonly kind: 'reset' | 'rejected' | 'ignored' }
  | { readonly kind: 'set-configuration'; readonly id: bigint; readonly configuration: number }
  | { readonly kind: 'get-configuration' | 'cancel'; readonly id: bigint }
  | {
      readonly kind: 'set-alt-setting';
      readonly id: bigint;
      readonly interface: number;
      readonly alt: number;
    }
  | { readonly kind: 'get-alt-setting'; readonly id: bigint; readonly interface: number }
  | { readonly kind: 'control'; readonly id: bigint; readonly setup: Setup; readonly data: Buffer }
  | BulkPacket;

export interface BulkPacket {
  readonly kind: 'bulk';
  readonly id: bigint;
  readonly endpoint: number;
  readonly stream: number;
  /** Of a packet to the host: how much it takes. */
  readonly length: number;
  readonly data: Buffer;
}

/** How a device presents itself before its descriptors are read. */
export interface Presence {
  readonly speed: 'full' | 'high';
  readonly vendor: number;
  readonly product: number;
  readonly release: number;
  readonly controlPacketBytes: number;
  readonly interfaceClass: readonly [cls: number, subclass: number, protocol: number];
  readonly bulk: readonly { readonly address: number; readonly packetBytes: number }[];
}
