import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sh } from './images.js';

/** A certificate authority of our own in `folder`, and what it vouches for: a server on this host. */
export function certificates(folder: string): {
  readonly caFile: string;
  readonly key: string;
  readonly cert: string;
} {
  const at = (name: string): string => join(folder, name);
  const key = (name: string): string[] => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at(name),
  ];
  sh('openssl', [
    'req',
    '-x509',
    ...key('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  ]);
  sh('openssl', [
    ...[
      'req',
      '-x509',
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      ...key('server.key'),
      '-out',
      at('server.pem'),
    ],
    ...[
      '-subj',
      '/CN=test server',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-addext',
      'basicConstraints=critical,CA:FALSE',
      '-days',
      '2',
    ],
  ]);
  return {
    caFile: at('ca.pem'),
    key: readFileSync(at('server.key'), 'utf8'),
    cert: readFileSync(at('server.pem'), 'utf8'),
  };
}
