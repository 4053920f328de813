import { createHash } from 'node:crypto';

/** What tells one virtual board from another on the inside; the same for a board's name in every session. */
export interface Identity {
  readonly name: string;
  readonly uuid: string;
  readonly mac: string;
}

export function identityOf(boardName: string): Identity {
  const hash = createHash('sha256').update(`boardrig board ${boardName}`).digest('hex');
  const part = (from: number, length: number): string => hash.slice(from, from + length);
  return {
    name: boardName,
    // RFC 4122, version 4 and its variant in their places.
    uuid: `${part(0, 8)}-${part(8, 4)}-4${part(13, 3)}-8${part(17, 3)}-${part(20, 12)}`,
    // 52:54:00 is what QEMU itself gives to its network cards: locally administered, unicast.
    mac: `52:54:00:${part(32, 2)}:${part(34, 2)}:${part(36, 2)}`,
  };
}
