import type { Presence, Setup } from './packets.js';

/** What a device says of itself in its descriptors. */
export interface Description extends Presence {
  /** A name that is left out is one that the device does not have. */
  readonly names: { readonly manufacturer?: string; readonly product?: string; readonly serial?: string };
  readonly maxMilliamperes: number;
}

/** A refusal: the endpoint answers nothing more until the host clears it; a control request fails. */
export const stall = Symbol('stall');

/**
 * A USB device of one configuration and one interface with bulk endpoints, as the wire sees it. Its answers are at once; an endpoint
 * that has nothing to say yet is asked again after `changed`.
 */
export interface UsbDevice {
  readonly description: Description;
  /** Called once, when it is plugged in: `changed` tells that an endpoint to the host may have something to say now. */
  plugged(changed: () => void): void;
  /** A request of a class or a vendor; the standard ones are answered from the description. */
  control(setup: Setup, data: Buffer): Buffer | typeof stall;
  /** Bytes to the device. */
  take(endpoint: number, data: Buffer): undefined | typeof stall;
  /** Bytes to the host, at most `length`; undefined: not yet. */
  give(endpoint: number, length: number): Buffer | undefined | typeof stall;
  reset(): void;
}
