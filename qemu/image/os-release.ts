import type { BuildRequest } from '../../rig/contracts/image-builder.js';

/** `/etc/os-release` (man 5 os-release), with the fields that resinOS adds. */
export function osRelease(
  { flavour, extras = [], variant, version }: BuildRequest,
  {
    slug,
    revision,
    updates = true,
  }: { readonly slug: string; readonly revision: string; readonly updates?: boolean },
): string {
  const fields = {
    ID: 'boardrig',
    NAME: 'boardrig reference OS',
    VERSION: version,
    VERSION_ID: version,
    PRETTY_NAME: `boardrig reference OS ${version} (${[flavour, ...extras, variant].join(', ')})`,
    VARIANT: variant === 'dev' ? 'Development' : 'Production',
    VARIANT_ID: variant,
    FLAVOUR: flavour,
    EXTRAS: extras.join(' '),
    SLUG: slug,
    RESIN_BOARD_REV: revision,
    ...(updates ? {} : { UPDATES: 'none' }),
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key}="${value}"\n`)
    .join('');
}

/** The fields of a file in that format. */
export function parseOsRelease(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [, key = '', value = ''] of text.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm))
    fields[key] = value.replace(/^(["'])(.*)\1$/, '$2').replace(/\\(["'\\$`])/g, '$1');
  return fields;
}
