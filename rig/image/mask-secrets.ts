import type { Json } from '../contracts/errors.js';

/** Keys of a configuration whose values nobody prints. Public keys (`sshKeys`) are not among them. */
const secretKey = /(?:key|token|secret|password|passphrase|passwd|psk|credentials?)$/i;

/** `value` with every secret replaced. */
export function maskSecrets(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => maskSecrets(item));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, secretKey.test(key) ? '***' : maskSecrets(item)]),
  );
}
