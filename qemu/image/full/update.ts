import type { BuildRequest } from '../../../rig/contracts/image-builder.js';
import { addGrubFiles, raucOnGrub } from '../grub-files.js';
import { guestFile } from '../guest-files.js';
import type { FileTree } from '../tree.js';
import { raucSystemConf } from '../update-files.js';

/** How long a board has, once it is ready, until every health check has passed; an engine that restarts takes a while. */
export const healthGraceSeconds = 120;

export interface UpdateOptions {
  readonly request: BuildRequest;
  readonly slug: string;
  /** The certificate that signed bundles are checked against, PEM. */
  readonly certificate: string;
}

/** What Debian's RAUC must know of the board, and what judges a boot. */
export async function addUpdate(
  tree: FileTree,
  { request, slug, certificate }: UpdateOptions,
): Promise<void> {
  tree.file('etc/rauc/system.conf', raucSystemConf({ slug, ...raucOnGrub(request) }));
  tree.file('etc/rauc/keyring.pem', certificate);
  const program = { mode: 0o755 };
  tree.file('usr/lib/boardrig/health', await guestFile('health.sh'), program);
  for (const check of ['network', 'storage'])
    tree.file(`usr/lib/boardrig/health.d/${check}`, await guestFile(`health.d/${check}.sh`), program);
  await addGrubFiles(tree, request);
}
