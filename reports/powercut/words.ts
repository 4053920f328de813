import type { Certificate, JudgedState, Outcome } from '../../rig/contracts/powercut-verdict.js';

/** In the order in which a person reads them: the worst last. */
export const outcomeWords: Readonly<Record<Outcome, string>> = {
  old: 'old version',
  new: 'new version',
  recovered: 'recovered after more than one try',
  dataLost: 'data lost',
  bricked: 'bricked',
};

export const kindWords: Readonly<Record<JudgedState['kind'], string>> = {
  boundary: 'at a flush',
  prefix: 'in order, between two flushes',
  lost: 'one write of the cache lost',
  subset: 'some writes of the cache lost',
  torn: 'the last write torn',
  cut: 'the power of the board cut',
};

export const modelWords: Readonly<Record<Certificate['model'], string>> = {
  ordered: 'writes reach the medium in the order in which they completed; the last one may be torn',
  'write-back':
    'the medium has a cache and empties it in any order between two flushes; a sector is written whole or not at all',
  'sd-card': 'writes reach the card in order; the page that was being programmed may be torn or erased',
  physical: 'the medium of the board itself, cut at seeded times',
};

export const tierWords: Readonly<Record<Certificate['spent'][number]['tier'], string>> = {
  boot: "the bootloader's word",
  full: 'full judgements',
  check: 'checks',
};
