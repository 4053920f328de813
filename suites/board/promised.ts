import type { DeviceProfile, PromiseName, TestContext } from '../../rig/mod.js';
import { parseOsRelease } from '../facts/os-release.js';

type Promised<Name extends PromiseName> = NonNullable<DeviceProfile[Name]>;

/** What the board's product promises under `name`; ends the test as skipped where that is nothing: see `lookUp`. */
export async function promised<Name extends PromiseName>(
  t: TestContext,
  name: Name,
): Promise<Promised<Name>> {
  const found = await lookUp(t, name);
  return 'promise' in found ? found.promise : t.skip(found.reason);
}

/** As `promised`, for what is only a part of a test. */
export async function promisedOrNot<Name extends PromiseName>(
  t: TestContext,
  name: Name,
): Promise<Promised<Name> | undefined> {
  const found = await lookUp(t, name);
  return 'promise' in found ? found.promise : undefined;
}

/**
 * A promise is not made where the profile has none, or where the system that runs says of itself that it is an edition
 * without it. A field that is missing from os-release exempts nothing, so that no skip hides a broken image.
 */
async function lookUp<Name extends PromiseName>(
  { board: { profile, shell } }: TestContext,
  name: Name,
): Promise<{ readonly promise: Promised<Name> } | { readonly reason: string }> {
  const promise = profile[name];
  if (promise === undefined) return { reason: `the profile ${profile.name} does not promise ${name}` };
  const editions = (profile.editions ?? []).filter(({ lacks }) => lacks.includes(name));
  if (editions.length > 0) {
    const fields = parseOsRelease(await shell.text('cat /etc/os-release'));
    for (const { field, matches } of editions.map(({ when }) => when)) {
      const value = fields.get(field);
      if (value !== undefined && new RegExp(matches).test(value))
        return {
          reason: `the profile ${profile.name} does not promise ${name} where ${field} is "${value}"`,
        };
    }
  }
  return { promise: promise as Promised<Name> };
}

/** The image's variant; one that says nothing of it is taken for a development image, as the rest of the rig does. */
export function variantOf({ board }: TestContext): 'dev' | 'prod' {
  return board.image?.variant ?? 'dev';
}
