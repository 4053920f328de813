import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Random } from '../../rig/mod.js';

const kind = 'ssh-ed25519';
const seedBytes = 32;
/** Of a PKCS #8 key of Ed25519: what stands before the seed (RFC 8410, section 7). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
/** The block size without a cipher, to which the private part is filled up. */
const blockBytes = 8;

export interface SshKey {
  /** One line of an `authorized_keys` file. */
  readonly publicLine: string;
  /** In OpenSSH's format. */
  readonly privateKey: string;
}

/** A key pair that nobody else has, drawn so that the same seed makes the same one. */
export function newSshKey(random: Random): SshKey {
  const seed = Buffer.from(random.bytes(seedBytes));
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
  const point = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
  const comment = 'boardrig-test';
  const publicKey = Buffer.concat([text(kind), text(point)]);
  return {
    publicLine: `${kind} ${publicKey.toString('base64')} ${comment}`,
    privateKey: openssh(publicKey, [
      text(kind),
      text(point),
      text(Buffer.concat([seed, point])),
      text(comment),
    ]),
  };
}

/** openssh-portable, PROTOCOL.key: no cipher, one key; the number that tells a wrong passphrase stands there twice. */
function openssh(publicKey: Buffer, privateParts: readonly Buffer[]): string {
  const check = uint32(1);
  const open = Buffer.concat([check, check, ...privateParts]);
  const padding = Buffer.from(
    Array.from({ length: -open.length & (blockBytes - 1) }, (_, index) => index + 1),
  );
  const bytes = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[text('none'), text('none'), text('')],
    uint32(1),
    text(publicKey),
    text(Buffer.concat([open, padding])),
  ]);
  const lines = bytes.toString('base64').replace(/.{1,70}/g, '$&\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}-----END OPENSSH PRIVATE KEY-----\n`;
}

/** RFC 4251, section 5: a string is its length and its bytes. */
function text(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
