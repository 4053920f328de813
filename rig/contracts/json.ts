import type { Json } from './errors.js';

export type JsonObject = { readonly [key: string]: Json };

/** Of what came from `JSON.parse`, or may have: neither a list nor a bare value. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
