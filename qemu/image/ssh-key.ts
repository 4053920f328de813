import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ImageKey {
  readonly privateFile: string;
  /** One line of an `authorized_keys` file. */
  readonly publicLine: string;
}

/** The key pair that opens ssh on the images of this cache; made once, and an input of every image. */
export async function imageKey(cacheDir: string): Promise<ImageKey> {
  const folder = join(cacheDir, 'keys');
  const privateFile = join(folder, 'id_ed25519');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const known = await publicLineOf(privateFile);
  if (known !== undefined) return { privateFile, publicLine: known };
  const draft = join(folder, `id_ed25519.${process.pid}`);
  const pair = await generateKeyPair();
  await writeFile(draft, pair.private, { mode: 0o600 });
  try {
    // Of two processes the first wins, and the second takes what the first made.
    await link(draft, privateFile).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  const publicLine = (await publicLineOf(privateFile)) ?? '';
  await writeFile(`${privateFile}.pub`, `${publicLine}\n`);
  return { privateFile, publicLine };
}

/** Another one where ssh2 (1.17) cannot read what it wrote: it leaves out a zero byte at the key's beginning, once in 256. */
export async function generateKeyPair(): Promise<{ readonly private: string; readonly public: string }> {
  const { default: ssh2 } = await import('ssh2');
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'boardrig image key' });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

async function publicLineOf(privateFile: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(privateFile, 'utf8');
  } catch {
    return undefined;
  }
  // Written when the key was made: every run asks for this line, and parsing the key means loading ssh2.
  const written = await readFile(`${privateFile}.pub`, 'utf8').catch(() => '');
  if (written.endsWith(' boardrig\n')) return written.trim();
  const { default: ssh2 } = await import('ssh2');
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString('base64')} boardrig`;
}
