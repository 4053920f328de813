import { link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { requireTools, Toolbox } from './toolbox.js';

/** A key that signs bundles, with its certificate; both are PEM files in one. */
export interface SigningKey {
  readonly file: string;
  /** The certificate alone, PEM. */
  readonly certificate: string;
}

/** Whose signature the images of this cache trust, and one that no image knows. */
export type Signer = 'image' | 'stranger';

const names: Readonly<Record<Signer, string>> = {
  image: 'bundle-signer.pem',
  stranger: 'bundle-stranger.pem',
};

/**
 * openssl's small certificate authority, since its other commands cannot choose the time from which a certificate
 * holds: a board may think that it is any time after its image was made.
 */
const authority = `[ca]
default_ca = boardrig
[boardrig]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy
x509_extensions = extensions
unique_subject = no
[policy]
commonName = supplied
[extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign
subjectKeyIdentifier = hash
[req]
distinguished_name = name
[name]
`;

/**
 * The key of `signer`, made once for each cache; an input of every image.
 *
 * @throws RigError `image.tool-missing`, `process.failed`; the signal's reason
 */
export async function signingKey(
  cacheDir: string,
  { signer = 'image', signal }: { readonly signer?: Signer } & Cancellable = {},
): Promise<SigningKey> {
  const folder = join(cacheDir, 'keys');
  const file = join(folder, names[signer]);
  const known = await certificateOf(file);
  if (known !== undefined) return { file, certificate: known };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const workDir = await mkdtemp(join(folder, 'draft-'));
  try {
    const draft = await makeKey(workDir, { signer, signal });
    // Of two processes the first wins, and the second takes what the first made.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
  return { file, certificate: (await certificateOf(file)) ?? '' };
}

async function makeKey(
  workDir: string,
  { signer, signal }: { signer: Signer } & Cancellable,
): Promise<string> {
  requireTools(['openssl']);
  const tools = new Toolbox({ workDir, signal });
  const options = { cwd: workDir };
  await writeFile(join(workDir, 'config'), authority);
  await writeFile(join(workDir, 'index'), '');
  await writeFile(join(workDir, 'serial'), '01\n');
  // RSA: the same input always gives the same signature, so that equal bundles are equal bytes.
  await tools.run(
    'openssl',
    [
      ...[
        'req',
        '-config',
        'config',
        '-new',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        'key',
        '-out',
        'request',
      ],
      ...['-subj', `/CN=boardrig bundle ${signer}`],
    ],
    options,
  );
  await tools.run(
    'openssl',
    [
      ...[
        'ca',
        '-config',
        'config',
        '-batch',
        '-selfsign',
        '-keyfile',
        'key',
        '-in',
        'request',
        '-out',
        'certificate',
      ],
      ...['-notext', '-startdate', '20200101000000Z', '-enddate', '20991231235959Z'],
    ],
    options,
  );
  const draft = join(workDir, 'signer');
  const parts = [
    await readFile(join(workDir, 'key'), 'utf8'),
    await readFile(join(workDir, 'certificate'), 'utf8'),
  ];
  await writeFile(`${draft}.part`, parts.join(''), { mode: 0o600 });
  await rename(`${draft}.part`, draft);
  return draft;
}

async function certificateOf(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(text)?.[0];
}
