/** Bytes none of which can be missing or in another place without notice. */
export function flood(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, index) => (index * 7 + (index >> 8)) & 0xff));
}
