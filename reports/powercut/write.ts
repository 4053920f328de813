import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Certificate } from '../../rig/contracts/powercut-verdict.js';
import { powercutJunit } from './junit.js';
import { powercutPage } from './page.js';

/** Writes the certificate's JSON, its page and its JUnit file into `dir`, each whole or not at all. */
export async function writeCertificate(
  dir: string,
  certificate: Certificate,
  { junit }: { readonly junit?: string | undefined } = {},
): Promise<{ readonly json: string; readonly html: string; readonly junit: string }> {
  const paths = {
    json: join(dir, 'certificate.json'),
    html: join(dir, 'certificate.html'),
    junit: join(dir, 'junit.xml'),
  };
  const xml = powercutJunit(certificate);
  await write(paths.json, `${JSON.stringify(certificate, null, 1)}\n`);
  await write(paths.html, powercutPage(certificate));
  await write(paths.junit, xml);
  if (junit !== undefined) await write(junit, xml);
  return paths;
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}
