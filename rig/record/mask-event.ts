import type { Json } from '../contracts/errors.js';
import type { EventBody } from '../contracts/events.js';
import type { JsonObject } from '../contracts/json.js';

/** Hides registered secrets in every string and key of a JSON value. */
export interface JsonMask {
  maskJson<T extends Json>(value: T): T;
}

/** Words of the format itself. A secret may well be "boot" or "passed", and the log must stay readable all the same. */
const formatWords = new Set([
  'type',
  'verdict',
  'final',
  'stage',
  'state',
  'via',
  'by',
  'method',
  'phase',
  'level',
  'from',
  'signal',
  'blame',
  'code',
]);

/** Free data, whose keys are anybody's. */
const freeData = new Set(['diagnostic', 'evidence', 'value']);

/** A copy of `body` without registered secrets; the format's own words and keys stay. */
export function maskEvent(body: EventBody, mask: JsonMask): EventBody {
  const enumerated =
    body.type === 'epoch' ? 'reason' : body.type === 'power' || body.type === 'reset' ? 'cause' : '';
  return maskFields(body as unknown as JsonObject, { mask, enumerated }) as unknown as EventBody;
}

function maskFields(value: JsonObject, options: { mask: JsonMask; enumerated: string }): JsonObject {
  const masked: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) {
    if (formatWords.has(key) || key === options.enumerated) masked[key] = item;
    else masked[key] = freeData.has(key) ? options.mask.maskJson(item) : maskValue(item, options.mask);
  }
  return masked;
}

function maskValue(value: Json, mask: JsonMask): Json {
  if (typeof value === 'string') return mask.maskJson(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => maskValue(item, mask));
  return maskFields(value as JsonObject, { mask, enumerated: '' });
}
