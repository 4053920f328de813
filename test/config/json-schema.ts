type Schema = Record<string, unknown>;

/**
 * As much of JSON Schema (draft 7) as `rig schema` uses; an unknown keyword is an error, so that the check never
 * says yes to what it does not understand.
 */
export function violations(schema: unknown, value: unknown, path = ''): string[] {
  if (schema === true || Object.keys(schema as Schema).length === 0) return [];
  const found: string[] = [];
  const say = (what: string) => found.push(`${path}: ${what}`);
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  for (const [keyword, wanted] of Object.entries(schema as Schema)) {
    switch (keyword) {
      case '$schema':
      case 'title':
      case 'description':
      case 'default':
        break;
      case 'type':
        if (typeOf(value) !== wanted && !(wanted === 'number' && typeOf(value) === 'integer'))
          say(`is no ${wanted}`);
        break;
      case 'const':
        if (value !== wanted) say(`is not ${wanted}`);
        break;
      case 'enum':
        if (!(wanted as unknown[]).includes(value)) say(`is none of ${wanted}`);
        break;
      case 'pattern':
        if (typeof value === 'string' && !new RegExp(String(wanted)).test(value))
          say(`does not match ${wanted}`);
        break;
      case 'minLength':
      case 'minItems':
        if (
          (value as { length?: number }).length !== undefined &&
          Number((value as unknown[]).length) < Number(wanted)
        )
          say('is too short');
        break;
      case 'maxLength':
        if (typeof value === 'string' && value.length > Number(wanted)) say('is too long');
        break;
      case 'minimum':
        if (typeof value === 'number' && value < Number(wanted)) say('is too small');
        break;
      case 'maximum':
        if (typeof value === 'number' && value > Number(wanted)) say('is too large');
        break;
      case 'required':
        for (const key of wanted as string[]) if (!Object.hasOwn(Object(value), key)) say(`lacks ${key}`);
        break;
      case 'items':
        if (Array.isArray(value))
          for (const [index, item] of value.entries())
            found.push(...violations(wanted, item, at(String(index))));
        break;
      case 'propertyNames':
        for (const key of Object.keys(Object(value))) found.push(...violations(wanted, key, at(key)));
        break;
      case 'properties':
        for (const [key, inner] of Object.entries(wanted as Schema))
          if (Object.hasOwn(Object(value), key))
            found.push(...violations(inner, (value as Schema)[key], at(key)));
        break;
      case 'additionalProperties':
        if (typeOf(value) === 'object') {
          const known = Object.keys(((schema as Schema).properties ?? {}) as Schema);
          for (const key of Object.keys(value as Schema).filter((key) => !known.includes(key))) {
            if (wanted === false) found.push(`${at(key)}: is unknown`);
            else found.push(...violations(wanted, (value as Schema)[key], at(key)));
          }
        }
        break;
      case 'oneOf':
      case 'anyOf': {
        const fitting = (wanted as unknown[]).filter(
          (branch) => violations(branch, value, path).length === 0,
        );
        if (fitting.length === 0 || (keyword === 'oneOf' && fitting.length > 1))
          say(`fits ${fitting.length} of the forms`);
        break;
      }
      default:
        throw new Error(`The check does not know the keyword ${keyword}`);
    }
  }
  return found;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
