import type { BoardConfig } from '../../contracts/board.js';
import type { Capabilities, CapabilityName, MediumState } from '../../contracts/capabilities.js';
import type { DeviceEvent } from '../../contracts/driver.js';
import { type ErrorRecord, fromErrorRecord, type Json, toErrorRecord } from '../../contracts/errors.js';
import type { Holder } from '../../contracts/session.js';

/** Raised with every change that an older end would misread. Both ends must have the same. */
export const protocolVersion = 1;

/** What a client says. The first message is `hello`; a `request` is answered once; `cancel` aborts one. */
export type ClientMessage =
  | { readonly type: 'hello'; readonly protocol: number; readonly client: Holder }
  | { readonly type: 'request'; readonly id: number; readonly op: string; readonly params: Json }
  | { readonly type: 'cancel'; readonly id: number };

/** What the session says. Bytes frames carry console data (id of the subscription) and replies that are bytes. */
export type ServerMessage =
  | { readonly type: 'hello'; readonly protocol: number; readonly info: SessionInfo }
  | { readonly type: 'refused'; readonly error: ErrorRecord }
  | { readonly type: 'reply'; readonly id: number; readonly value: Json }
  | { readonly type: 'failure'; readonly id: number; readonly error: ErrorRecord }
  | { readonly type: 'event'; readonly event: DeviceEventRecord }
  | { readonly type: 'medium'; readonly state: MediumState }
  | { readonly type: 'lease'; readonly holder: Holder | null }
  | { readonly type: 'gap'; readonly id: number; readonly missedBytes: number }
  | { readonly type: 'console-lost'; readonly id: number; readonly error: ErrorRecord }
  /** The session ends of its own accord; `failure` says what it could not give back. */
  | { readonly type: 'end'; readonly reason: string; readonly failure?: ErrorRecord };

/** A session as it describes itself to who attaches. */
export interface SessionInfo {
  readonly board: BoardConfig;
  readonly drivers: readonly { readonly name: string; readonly version: string }[];
  readonly has: readonly CapabilityName[];
  readonly gives: readonly (keyof Capabilities)[];
  readonly medium: MediumState | null;
  /** The process that the session lives in. */
  readonly holder: Holder;
  /** `background` outlives the command that started it. */
  readonly kind: 'background' | 'run';
  readonly lease: Holder | null;
  readonly clients: number;
  readonly idleMs: number | null;
}

export type DeviceEventRecord =
  | Exclude<DeviceEvent, { kind: 'lost' }>
  | { readonly kind: 'lost'; readonly error: ErrorRecord };

export function toEventRecord(event: DeviceEvent): DeviceEventRecord {
  return event.kind === 'lost' ? { kind: 'lost', error: toErrorRecord(event.error) } : event;
}

export function fromEventRecord(event: DeviceEventRecord): DeviceEvent {
  return event.kind === 'lost' ? { kind: 'lost', error: fromErrorRecord(event.error) } : event;
}

/** @returns undefined for anything that a client may not say */
export function asClientMessage(message: Json): ClientMessage | undefined {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return undefined;
  const { type, id, op, protocol } = message as Record<string, unknown>;
  const numbered = Number.isInteger(id) && Number(id) >= 0 && Number(id) <= 0xffff_ffff;
  if (type === 'hello' && typeof protocol === 'number') return message as unknown as ClientMessage;
  if (type === 'request' && numbered && typeof op === 'string') return message as unknown as ClientMessage;
  if (type === 'cancel' && numbered) return message as unknown as ClientMessage;
  return undefined;
}
