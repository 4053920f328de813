import type { z } from 'zod';
import type { DriverConfig } from '../rig/contracts/board.js';
import type { Driver } from '../rig/contracts/driver.js';
import type { Json } from '../rig/contracts/errors.js';
import { checkValue, jsonSchemaOf } from '../rig/schema/issues.js';

/** The options of one driver: what they are, what is wrong with some, and their parsed form. */
export interface Options<T extends z.ZodType> extends Pick<Driver, 'validate' | 'optionsSchema'> {
  /** @throws when `config` was not validated first: a defect of the caller */
  parse(config: DriverConfig): z.output<T>;
}

export function driverOptions<T extends z.ZodType>(schema: T): Options<T> {
  return {
    validate: (config) => {
      const result = checkValue(schema, config.options);
      return 'issues' in result ? result.issues : [];
    },
    optionsSchema: jsonSchemaOf(schema) as Record<string, Json>,
    parse: (config) => schema.parse(config.options),
  };
}
