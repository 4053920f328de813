import { z } from 'zod';
import type { Architecture } from '../contracts/board.js';
import { deviceCapabilities } from '../contracts/capabilities.js';

/** Names of boards and labels become folder names, test ids and words of a command line. */
export const plainName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, {
  error: 'a name of small letters, digits, ".", "_" and "-" that begins with a letter or digit',
});

export const text = z.string().min(1);

export const architectures = [
  'arm64',
  'amd64',
  'armhf',
  'armel',
  'i386',
] as const satisfies readonly Architecture[];

/** What a driver can be for a board: one capability, `network` for link and address in one, or `board` for all of them. */
export const roles = ['board', 'network', ...deviceCapabilities] as const;

export type Role = (typeof roles)[number];
