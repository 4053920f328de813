import { unreadable } from './unreadable.js';

/**
 * Bytes from `od -An -v -tx1` (POSIX).
 *
 * @throws RigError `facts.unreadable` for anything but pairs of hexadecimal digits
 */
export function parseHex(text: string): Buffer {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const wrong = words.find((word) => !/^[0-9a-f]{2}$/i.test(word));
  if (wrong !== undefined) throw unreadable('bytes', text.trim(), `${JSON.stringify(wrong)} is no byte`);
  return Buffer.from(words.join(''), 'hex');
}
