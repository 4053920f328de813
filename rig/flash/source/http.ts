import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Cancellable } from '../../contracts/capabilities.js';
import { messageOf, RigError } from '../../contracts/errors.js';
import { abortable, pause } from '../../lifetime/abortable.js';
import { StreamSource } from './packed-source.js';

const maxRedirects = 5;
/** In a row, without a byte between them. */
const maxFailures = 6;
const firstPauseMs = 200;
/** A server that says nothing for so long is taken for gone. */
const silenceMs = 30_000;

/** What OpenSSL and Node say of a certificate (Node's docs/api/tls.md, "X509 certificate error codes"): another attempt changes nothing. */
const untrusted: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What tells one content of an address from another (RFC 9110, 8.8). */
interface Identity {
  readonly validator: string | undefined;
  readonly totalBytes: number | undefined;
}

/** A download that goes on where it was when the connection is lost. */
export function httpSource(address: string): StreamSource {
  const url = new URL(address);
  let totalBytes: number | undefined;
  return new StreamSource(printableUrl(url), {
    sizeBytes: () => totalBytes,
    open: (options) => download(url, { ...options, told: (bytes) => (totalBytes = bytes) }),
  });
}

/** A small file whole; undefined when the server has none. @throws RigError `flash.download-failed` */
export async function fetchSmall(
  address: string,
  { maxBytes, signal }: { readonly maxBytes: number } & Cancellable,
): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of download(new URL(address), { signal })) {
      bytes += chunk.length;
      if (bytes > maxBytes) return undefined;
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  } catch (error) {
    if (error instanceof RigError && error.code === 'flash.image-missing') return undefined;
    throw error;
  }
}

async function* download(
  url: URL,
  { signal, told }: { readonly told?: (totalBytes: number | undefined) => void } & Cancellable,
): AsyncGenerator<Uint8Array, void> {
  const state: Download = { offset: 0, identity: undefined };
  for (let failures = 0; ; ) {
    try {
      for await (const chunk of connection(url, state, { signal })) {
        failures = 0;
        told?.(state.identity?.totalBytes);
        yield chunk;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RigError) throw error;
      if (untrusted.has((error as NodeJS.ErrnoException).code ?? '')) throw notTrusted(url, error as Error);
      // Without a name for this very content, the rest could be that of another.
      const mayResume = state.offset === 0 || state.identity?.validator !== undefined;
      failures += 1;
      if (failures >= maxFailures || !mayResume) throw failed(url, { ...state, cause: error });
      await pause(firstPauseMs * 2 ** (failures - 1), { signal });
    }
  }
}

interface Download {
  /** So much of it has come. */
  offset: number;
  identity: Identity | undefined;
}

/** What one connection gives of the rest. (A function of its own: esbuild's `using` carries an error into the next round of a loop.) */
async function* connection(
  url: URL,
  state: Download,
  { signal }: Cancellable,
): AsyncGenerator<Uint8Array, void> {
  using response = await ask(url, { ...state, signal });
  const { message } = response;
  const found = identityOf(message, state.offset);
  if (state.identity && !sameContent(state.identity, found)) throw changed(url);
  state.identity ??= found;
  // A server that knows no ranges begins anew: what we have is dropped.
  let drop = message.statusCode === 206 ? 0 : state.offset;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    const fresh = chunk.subarray(Math.min(drop, chunk.length));
    drop -= chunk.length - fresh.length;
    if (fresh.length === 0) continue;
    state.offset += fresh.length;
    yield fresh;
  }
  const { totalBytes } = state.identity;
  if (totalBytes !== undefined && state.offset < totalBytes)
    throw new Error(`the connection ended after ${state.offset} of ${totalBytes} bytes`);
}

interface Response extends Disposable {
  readonly message: IncomingMessage;
}

async function ask(
  url: URL,
  { offset, identity, signal }: { offset: number; identity: Identity | undefined } & Cancellable,
): Promise<Response> {
  const range: Record<string, string> =
    offset > 0 && identity?.validator ? { range: `bytes=${offset}-`, 'if-range': identity.validator } : {};
  let at = url;
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    // Packed once more for the way, a .gz would arrive unpacked or with other offsets.
    const message = await send(at, { headers: { 'accept-encoding': 'identity', ...range }, signal });
    const { statusCode = 0, headers } = message;
    if ([301, 302, 303, 307, 308].includes(statusCode) && headers.location !== undefined) {
      message.destroy();
      at = redirected(at, headers.location);
      continue;
    }
    if (statusCode === 200 || statusCode === 206)
      return { message, [Symbol.dispose]: () => void message.destroy() };
    message.destroy();
    if (statusCode >= 500 || statusCode === 429 || statusCode === 408)
      throw new Error(`the server answered ${statusCode}`);
    throw new RigError(`The server does not give ${printableUrl(at)}: it answered ${statusCode}`, {
      code: 'flash.image-missing',
      blame: 'config',
      hint: 'Open the address in a browser; a login goes into it as https://user:password@host/.',
      evidence: { url: printableUrl(at), statusCode },
    });
  }
  throw new RigError(`${printableUrl(url)} leads from one address to the next without end`, {
    code: 'flash.image-missing',
    blame: 'config',
    hint: 'Open the address in a browser and give the one that it ends at.',
    evidence: { url: printableUrl(url) },
  });
}

function send(
  url: URL,
  { headers, signal }: { headers: Record<string, string> } & Cancellable,
): Promise<IncomingMessage> {
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    headers,
    // One connection, closed with its answer: a pool would keep the process.
    agent: false,
    ...(signal ? { signal } : {}),
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
  request.setTimeout(silenceMs, () =>
    request.destroy(new Error(`the server said nothing for ${silenceMs / 1000} s`)),
  );
  request.end();
  return abortable(answer, { signal });
}

/** A login stays with the host that it was given for, and nothing leads from https to http. */
function redirected(from: URL, location: string): URL {
  const to = new URL(location, from);
  if (to.host === from.host) [to.username, to.password] = [from.username, from.password];
  if (!/^https?:$/.test(to.protocol) || (from.protocol === 'https:' && to.protocol === 'http:'))
    throw new RigError(`${printableUrl(from)} leads to ${printableUrl(to)}, which is not as safe`, {
      code: 'flash.unsafe-redirect',
      blame: 'config',
      hint: 'Give the second address itself if you trust it.',
    });
  return to;
}

function identityOf(message: IncomingMessage, offset: number): Identity {
  const { etag, 'last-modified': lastModified } = message.headers;
  // A weak tag does not promise the same bytes.
  const validator = etag !== undefined && !etag.startsWith('W/') ? etag : lastModified;
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(message.headers['content-range'] ?? '');
  if (message.statusCode === 206) {
    if (Number(range?.[1]) !== offset) throw new Error('the server sent another range than was asked for');
    return { validator, totalBytes: Number(range?.[2]) };
  }
  const length = message.headers['content-length'];
  return { validator, totalBytes: length === undefined ? undefined : Number(length) };
}

function sameContent(before: Identity, now: Identity): boolean {
  return before.validator === now.validator && before.totalBytes === now.totalBytes;
}

function changed(url: URL): RigError {
  return new RigError(`${printableUrl(url)} was replaced while it was downloaded`, {
    code: 'flash.download-changed',
    blame: 'config',
    hint: 'Flash it again, or give an address whose content does not change.',
    evidence: { url: printableUrl(url) },
  });
}

function notTrusted(url: URL, cause: Error): RigError {
  return new RigError(`Cannot trust the server of ${printableUrl(url)}: ${cause.message}`, {
    code: 'flash.server-not-trusted',
    blame: 'config',
    hint: "Name the file with its authority's certificate in NODE_EXTRA_CA_CERTS, and check the clock of this host.",
    cause,
    evidence: { url: printableUrl(url) },
  });
}

function failed(
  url: URL,
  { offset, identity, cause }: { offset: number; identity: Identity | undefined; cause: unknown },
): RigError {
  const why = messageOf(cause);
  const resumable = offset === 0 || identity?.validator !== undefined;
  return new RigError(`Cannot download ${printableUrl(url)}: ${why}`, {
    code: 'flash.download-failed',
    blame: 'rig',
    hint: resumable
      ? 'Check the network of this host and the server, then flash again.'
      : 'The server names neither an ETag nor a time of modification, so the download cannot go on where it was. Try again.',
    cause,
    evidence: { url: printableUrl(url), receivedBytes: offset, totalBytes: identity?.totalBytes ?? null },
  });
}

/** Without what may be a password: the login, and the query of a signed address. */
function printableUrl({ origin, pathname, search }: URL): string {
  return `${origin}${pathname}${search === '' ? '' : '?…'}`;
}
