import { type EvidenceFile, type EvidenceOptions, gatherEvidence, mediumName } from './evidence.js';
import type { Freezer } from './freeze.js';
import type { ManagedBoard } from './managed-board.js';

export interface ExamineOptions extends Pick<EvidenceOptions, 'place' | 'emit' | 'mask' | 'signal'> {
  readonly evidenceFile: EvidenceFile;
  /** Keeps the boards; absent: nothing of them but what they say. */
  readonly freezer?: Freezer | undefined;
}

/**
 * What is done to boards whose test failed: each is kept as it stands before the first of them is asked anything. One that cannot
 * be kept running has its medium copied instead. Never rejects.
 */
export async function examine(boards: readonly ManagedBoard[], options: ExamineOptions): Promise<void> {
  const { place, evidenceFile, freezer, signal } = options;
  const frozen = await freezer?.failure(boards, place, signal);
  for (const [index, board] of boards.entries()) {
    let medium: string | undefined;
    await gatherEvidence(board, {
      ...options,
      file: async (name) => {
        const file = await evidenceFile(place, board.name === place.board ? name : `${board.name}-${name}`);
        if (name === mediumName) medium = file.path;
        return file;
      },
      keepMedium: frozen?.[index] === 'cannot' && freezer?.hasRoom === true,
    });
    if (medium !== undefined) await freezer?.count(medium);
  }
}
