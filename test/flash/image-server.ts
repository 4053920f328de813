import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface ServerManners {
  /** Ends each connection after so many bytes of a body. */
  readonly cutAfterBytes?: number;
  /** Does that so many times; default for ever. */
  readonly cuts?: number;
  /** Knows `Range` and `If-Range`; default true. */
  readonly ranges?: boolean;
  /** Tells a validator; default true. */
  readonly validator?: boolean;
  /** Another content from the second request on. */
  readonly changes?: boolean;
  /** Answers so to so many requests first. */
  readonly first?: { readonly status: number; readonly times: number };
  /** Speaks https, with this key and certificate. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Serves one file under every name that ends with its ending, and sends other names away with 404. */
export async function imageServer(
  file: string,
  ending: string,
  manners: ServerManners = {},
): Promise<AsyncDisposable & { readonly url: string; readonly requests: readonly string[] }> {
  const content = readFileSync(file);
  const requests: string[] = [];
  let served = 0;
  const answer: RequestListener = (request, response) => {
    requests.push(`${request.url} ${request.headers.range ?? ''}`.trim());
    if (request.url?.startsWith('/moved'))
      return void response.writeHead(302, { location: request.url.slice('/moved'.length) }).end();
    if (!request.url?.endsWith(ending)) return void response.writeHead(404).end('<html>no</html>');
    served += 1;
    if (served <= (manners.first?.times ?? 0))
      return void response.writeHead(manners.first?.status ?? 500).end();
    const cut = served <= (manners.cuts ?? served) ? manners.cutAfterBytes : undefined;
    serve(request, response, { content, version: manners.changes ? served : 1, manners, cutAfterBytes: cut });
  };
  const server = manners.tls ? createTlsServer(manners.tls, answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${manners.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(
  request: IncomingMessage,
  response: ServerResponse,
  {
    content,
    version,
    manners,
    cutAfterBytes,
  }: {
    content: Buffer;
    version: number;
    manners: ServerManners;
    cutAfterBytes: number | undefined;
  },
): void {
  const etag = `"${createHash('sha1').update(content).update(String(version)).digest('hex')}"`;
  const { ranges = true, validator = true } = manners;
  const asked = ranges ? /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] : undefined;
  const from = asked !== undefined && request.headers['if-range'] === etag ? Number(asked) : 0;
  const body = content.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': body.length,
    ...(validator ? { etag } : {}),
    ...(from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
  });
  if (cutAfterBytes === undefined || body.length <= cutAfterBytes) return void response.end(body);
  response.write(body.subarray(0, cutAfterBytes), () => response.destroy());
}
