import { createHash, randomBytes } from 'node:crypto';

/** Who asks, and what for. */
export interface DigestRequest {
  readonly user: string;
  readonly password: string;
  readonly method: string;
  /** Path and query, as they are sent. */
  readonly uri: string;
  /** Chosen by us; default: at random. */
  readonly cnonce?: string;
}

/** Names of RFC 7616, 6.1, and of Node. */
const algorithms: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256' };

/**
 * What answers a challenge of HTTP Digest Access Authentication (RFC 7616), for its first use: qop=auth, or none.
 *
 * @param challenge the header WWW-Authenticate
 * @returns the header Authorization; undefined for a challenge of another kind
 */
export function answerToDigest(challenge: string, request: DigestRequest): string | undefined {
  const scheme = /(?:^|,\s*)Digest\s+/i.exec(challenge);
  if (!scheme) return undefined;
  const told = parameters(challenge.slice(scheme.index + scheme[0].length));
  const { realm, nonce, opaque, algorithm = 'MD5' } = told;
  const hashName = algorithms[algorithm.toUpperCase()];
  const qop = told.qop?.split(/\s*,\s*/).includes('auth') ? 'auth' : undefined;
  if (realm === undefined || nonce === undefined || hashName === undefined) return undefined;
  if (told.qop !== undefined && qop === undefined) return undefined;
  const { user, password, method, uri, cnonce = randomBytes(16).toString('hex') } = request;
  const hash = (...parts: string[]): string => createHash(hashName).update(parts.join(':')).digest('hex');
  const [secret, what] = [hash(user, realm, password), hash(method, uri)];
  const count = '00000001';
  const response = qop ? hash(secret, nonce, count, cnonce, qop, what) : hash(secret, nonce, what);
  const quoted = { username: user, realm, nonce, uri, response, ...(opaque === undefined ? {} : { opaque }) };
  return [
    `Digest ${Object.entries(quoted)
      .map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`)
      .join(', ')}`,
    `algorithm=${algorithm}`,
    ...(qop ? [`qop=${qop}`, `nc=${count}`, `cnonce="${cnonce}"`] : []),
  ].join(', ');
}

/** The parameters of one challenge; those of another that follows begin with its scheme, which has no `=`. */
function parameters(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const parameter = /\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/y;
  for (let match = parameter.exec(text); match; match = parameter.exec(text)) {
    const [, name = '', quoted, bare] = match;
    found[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
  }
  return found;
}
